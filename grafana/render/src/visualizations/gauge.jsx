// Gauge. Stand-in: Grafana's own is not in the published packages. Colour, number, range and thresholds are Grafana's.
import { formattedValueToString, getDisplayValueAlignmentFactors } from '@grafana/data';
import { useTheme2, VizRepeater } from '@grafana/ui';

import { displayValues } from './values.js';

const SWEEP = 220; // degrees of an open gauge
const BAR = 0.24; // of the radius
const RING = 5;
const GAP = 3;

export function GaugePanel(props) {
  const { panel, frames, width, height } = props;
  const { orientation = 'auto', showThresholdMarkers = true, shape = 'gauge' } = panel.options ?? {};
  return (
    <VizRepeater
      getValues={() => displayValues(props)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, count, ...place }) => (
        <Gauge
          value={value}
          width={place.width}
          height={place.height}
          named={count > 1}
          ring={showThresholdMarkers}
          sweep={shape === 'circle' ? 359.9 : SWEEP}
        />
      )}
      width={width}
      height={height}
      source={frames}
      renderCounter={0}
      autoGrid
      orientation={orientation}
    />
  );
}

function Gauge({ value: { display, field }, width, height, named, ring, sweep }) {
  const theme = useTheme2();
  const { min = 0, max = 100 } = field;
  const below = Math.max(0, -Math.cos(((sweep / 2) * Math.PI) / 180)); // how far the ends hang below the middle
  const title = named ? 20 : 0;
  const radius = Math.min(width / 2, (height - title) / (1 + below)) - 4;
  const centre = [width / 2, (height - title + radius * (1 - below)) / 2];
  const bar = radius * BAR;
  const middle = radius - (ring ? RING + GAP : 0) - bar / 2;
  const share = (number) => Math.min(1, Math.max(0, (number - min) / (max - min)));
  const arc = (from, to, r) => arcPath(centre, r, sweep, from, to);
  const text = formattedValueToString(display);
  return (
    <svg width={width} height={height}>
      <path d={arc(0, 1, middle)} stroke={theme.colors.action.hover} strokeWidth={bar} fill="none" />
      {share(display.numeric) > 0 && (
        <path d={arc(0, share(display.numeric), middle)} stroke={display.color} strokeWidth={bar} fill="none" />
      )}
      {ring &&
        bands(field, min, max).map(({ color, from, to }) => (
          <path key={from} d={arc(share(from), share(to), radius - RING / 2)} stroke={theme.visualization.getColorByName(color)} strokeWidth={RING} fill="none" />
        ))}
      <text x={centre[0]} y={centre[1]} textAnchor="middle" dominantBaseline="central" fill={display.color} fontWeight={500} fontSize={fontSize(text, middle - bar)}>
        {text}
      </text>
      {named && (
        <text x={centre[0]} y={height - 6} textAnchor="middle" fontSize={14} fill={theme.colors.text.primary}>
          {display.title}
        </text>
      )}
    </svg>
  );
}

/** Return the coloured bands of the thresholds within the range, in its unit. */
function bands({ thresholds }, min, max) {
  const steps = thresholds?.steps ?? [];
  const at = (value) => (thresholds.mode === 'percentage' ? min + ((max - min) * value) / 100 : value);
  return steps
    .map(({ color, value }, i) => ({
      color,
      from: Math.max(min, at(value ?? -Infinity)),
      to: Math.min(max, i + 1 < steps.length ? at(steps[i + 1].value) : max),
    }))
    .filter(({ from, to }) => from < to);
}

function fontSize(text, radius) {
  return Math.min(72, (radius * 1.6) / (0.6 * text.length), radius * 0.8);
}

function arcPath([x, y], radius, sweep, from, to) {
  const point = (share) => {
    const angle = (((share - 0.5) * sweep - 90) * Math.PI) / 180;
    return `${x + radius * Math.cos(angle)} ${y + radius * Math.sin(angle)}`;
  };
  const large = (to - from) * sweep > 180 ? 1 : 0;
  return `M${point(from)} A${radius} ${radius} 0 ${large} 1 ${point(to)}`;
}
