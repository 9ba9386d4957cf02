// Bar gauge: Grafana's own.
import { getDisplayValueAlignmentFactors } from '@grafana/data';
import { BarGauge, VizRepeater } from '@grafana/ui';

import { displayValues } from './values.js';

const OPTIONS = {
  displayMode: 'gradient',
  orientation: 'auto',
  showUnfilled: true,
  valueMode: 'color',
  namePlacement: 'auto',
  minVizWidth: 8,
  minVizHeight: 16,
  maxVizHeight: 300,
};

export function BarGaugePanel(props) {
  const { panel, frames, width, height, context } = props;
  const options = { ...OPTIONS, ...panel.options };
  const spacing = options.displayMode === 'lcd' ? 2 : 10;
  return (
    <VizRepeater
      getValues={() => displayValues(props)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, count, ...place }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          orientation={place.orientation}
          alignmentFactors={place.alignmentFactors}
          width={place.width}
          height={place.height}
          text={options.text}
          itemSpacing={spacing}
          displayMode={options.displayMode}
          showUnfilled={options.showUnfilled}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          theme={context.theme}
        />
      )}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      itemSpacing={spacing}
      orientation={options.orientation}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
    />
  );
}
