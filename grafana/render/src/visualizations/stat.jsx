// Stat: Grafana's BigValue.
import { BigValue, VizRepeater } from '@grafana/ui';
import { getDisplayValueAlignmentFactors } from '@grafana/data';

import { displayValues } from './values.js';

const OPTIONS = {
  graphMode: 'area',
  colorMode: 'value',
  justifyMode: 'auto',
  textMode: 'auto',
  wideLayout: true,
  orientation: 'auto',
  showPercentChange: false,
  percentChangeColorMode: 'standard',
};

export function StatPanel(props) {
  const { panel, frames, range, width, height, context } = props;
  const options = { ...OPTIONS, ...panel.options };
  const getValues = () =>
    displayValues(props, { sparkline: options.graphMode !== 'none', percentChange: options.showPercentChange });
  return (
    <VizRepeater
      getValues={getValues}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, count, ...place }) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline && { ...value.sparkline, timeRange: range }}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          text={options.text}
          percentChangeColorMode={options.percentChangeColorMode}
          disableWideLayout={!options.wideLayout}
          alignmentFactors={place.alignmentFactors}
          width={place.width}
          height={place.height}
          theme={context.theme}
        />
      )}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      autoGrid
      itemSpacing={3}
      orientation={options.orientation}
    />
  );
}
