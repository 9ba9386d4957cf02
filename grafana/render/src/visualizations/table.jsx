// Table: Grafana's TableNG.
import { TableNG } from '@grafana/ui/unstable';

import { NoData } from './nodata.jsx';

export function TablePanel({ panel, frames, fieldConfig, width, height, context }) {
  const { frameIndex = 0, showHeader = true, sortBy, cellHeight, enablePagination, frozenColumns } = panel.options ?? {};
  if (frames.length > 1) {
    context.drawing.hint(panel.title, `shows one of ${frames.length} frames; merge or join them`);
  }
  const frame = frames[frameIndex];
  if (!frame?.length) return <NoData fieldConfig={fieldConfig} height={height} />;
  return (
    <TableNG
      data={frame}
      fieldConfig={fieldConfig}
      noHeader={!showHeader}
      sortBy={sortBy}
      cellHeight={cellHeight}
      enablePagination={enablePagination}
      frozenColumns={frozenColumns?.left}
      noValue={fieldConfig.defaults.noValue}
      width={width}
      height={height}
    />
  );
}
