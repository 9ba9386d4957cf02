// Time series: Grafana's own chart on uPlot, without its tooltip and annotations.
import { FieldType } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';

import { isEmpty } from '../questions.js';
import { NoData } from './nodata.jsx';

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };

export function TimeSeriesPanel({ panel, frames, fieldConfig, range, width, height, context }) {
  if (isEmpty(frames)) return <NoData fieldConfig={fieldConfig} height={height} />;
  return (
    <TimeSeries
      frames={frames.map(drawable)}
      timeRange={range}
      timeZone={context.timeZone}
      legend={{ ...LEGEND, ...panel.options?.legend }}
      width={width}
      height={height}
    />
  );
}

/** Return a frame without what cannot be drawn: a quantile of nothing, say, is not a number. */
function drawable(frame) {
  const finite = (value) => (Number.isFinite(value) ? value : null);
  const fields = frame.fields.map((field) =>
    field.type === FieldType.number ? { ...field, values: field.values.map(finite) } : field
  );
  return { ...frame, fields };
}
