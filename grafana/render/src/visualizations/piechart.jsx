// Pie and donut. The circle is a stand-in, drawn after Grafana's; colours, numbers, layout and legend are Grafana's own.
import { formattedValueToString } from '@grafana/data';
import { useTheme2, VizLayout, VizLegend } from '@grafana/ui';

import { isEmpty } from '../questions.js';
import { NoData } from './nodata.jsx';
import { displayValues } from './values.js';

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'right', values: [] };
const HOLE = 0.6;

export function PieChartPanel(props) {
  const { panel, frames, fieldConfig, width, height } = props;
  if (isEmpty(frames)) return <NoData fieldConfig={fieldConfig} height={height} />;
  const { pieType = 'pie', displayLabels = [], sort = 'desc' } = panel.options ?? {};
  const slices = shares(displayValues(props), sort);
  const legend = { ...LEGEND, ...panel.options?.legend };
  return (
    <VizLayout width={width} height={height} legend={legend.showLegend ? legendOf(slices, legend) : null}>
      {(w, h) => <Circle slices={slices} width={w} height={h} labels={displayLabels} hole={pieType === 'donut' ? HOLE : 0} />}
    </VizLayout>
  );
}

function shares(values, sort) {
  const shown = values.filter(({ field, display }) => !field.custom?.hideFrom?.viz && display.numeric > 0);
  const total = shown.reduce((sum, { display }) => sum + display.numeric, 0);
  const slices = shown.map(({ display }) => ({ display, share: display.numeric / total }));
  const sign = { desc: -1, asc: 1, none: 0 }[sort];
  return sign ? slices.sort((a, b) => sign * (a.share - b.share)) : slices;
}

function percent(share) {
  return `${Math.round(share * 100)}%`;
}

function legendOf(slices, { placement, displayMode, values, width }) {
  const items = slices.map(({ display, share }) => ({
    label: display.title,
    color: display.color,
    yAxis: 1,
    getItemKey: () => display.title,
    getDisplayValues: () => [
      ...(values.includes('value') ? [{ ...display, title: 'Value' }] : []),
      ...(values.includes('percent') ? [{ numeric: share, text: percent(share), title: 'Percent' }] : []),
    ],
  }));
  return (
    <VizLayout.Legend placement={placement} width={width}>
      <VizLegend items={items} placement={placement} displayMode={displayMode} />
    </VizLayout.Legend>
  );
}

function Circle({ slices, width, height, labels, hole }) {
  const theme = useTheme2();
  const radius = Math.min(width, height) / 2 - 8;
  let from = 0;
  return (
    <svg width={width} height={height} viewBox={`${-width / 2} ${-height / 2} ${width} ${height}`}>
      {slices.map(({ display, share }) => {
        const middle = from + share / 2;
        const path = slice(from, (from += share), radius, radius * hole);
        const [x, y] = point(middle, radius * (1 + hole) * 0.5);
        const said = labels.map((label) => ({ name: display.title, value: formattedValueToString(display), percent: percent(share) })[label]);
        return (
          <g key={display.title}>
            <path d={path} fill={display.color} stroke={theme.colors.background.primary} />
            {share > 0.05 && (
              <text x={x} y={y} textAnchor="middle" dominantBaseline="central" fontSize={14} fontWeight={500} fill={theme.colors.getContrastText(display.color)}>
                {said.join(' ')}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** Return the point at a share of the circle, clockwise from the top. */
function point(share, radius) {
  const angle = 2 * Math.PI * share - Math.PI / 2;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

function slice(from, to, outer, inner) {
  const end = Math.min(to, from + 0.9999); // an arc of a whole turn would be none
  const large = end - from > 0.5 ? 1 : 0;
  const [a, b, c, d] = [point(from, outer), point(end, outer), point(end, inner), point(from, inner)];
  return `M${a} A${outer} ${outer} 0 ${large} 1 ${b} L${c} A${inner} ${inner} 0 ${large} 0 ${d} Z`;
}
