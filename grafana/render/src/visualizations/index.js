// The panel types that can be drawn.
import { BarGaugePanel } from './bargauge.jsx';
import { GaugePanel } from './gauge.jsx';
import { PieChartPanel } from './piechart.jsx';
import { StatPanel } from './stat.jsx';
import { TablePanel } from './table.jsx';
import { TextPanel } from './text.jsx';
import { TimeSeriesPanel } from './timeseries.jsx';

export const visualizations = {
  bargauge: BarGaugePanel,
  gauge: GaugePanel,
  piechart: PieChartPanel,
  stat: StatPanel,
  table: TablePanel,
  text: TextPanel,
  timeseries: TimeSeriesPanel,
};
