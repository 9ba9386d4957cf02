// How field options reach the fields of a frame: defaults, then overrides, by Grafana's own rules.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  FieldConfigOptionsRegistry,
  FieldType,
  identityOverrideProcessor,
} from '@grafana/data';

import { holdFromBelow } from './thresholds.js';

const STANDARD = ['unit', 'color', 'mappings', 'noValue', 'displayName', 'links', 'actions', 'filterable', 'description', 'fieldMinMax'];
const OF_NUMBERS = ['min', 'max', 'decimals', 'thresholds'];

/** What a visualisation's own options are when a dashboard does not name them. */
const CUSTOM = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', barAlignment: 0,
    showPoints: 'auto', pointSize: 5, spanNulls: false, insertNulls: false, axisPlacement: 'auto', axisColorMode: 'text',
    axisBorderShow: false, axisCenteredZero: false, axisLabel: '', barWidthFactor: 0.6,
    scaleDistribution: { type: 'linear' }, hideFrom: { tooltip: false, viz: false, legend: false },
    stacking: { mode: 'none', group: 'A' }, thresholdsStyle: { mode: 'off' },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
  piechart: { hideFrom: { tooltip: false, viz: false, legend: false } },
}; // prettier-ignore

const BY_PALETTE = new Set(['timeseries', 'piechart']);

/** Return a panel's field options with what Grafana adds where they are silent. */
export function fieldConfigOf(panel) {
  const config = structuredClone(panel.fieldConfig ?? {});
  holdFromBelow(config);
  const { defaults = {}, overrides = [] } = config;
  return {
    defaults: {
      color: { mode: BY_PALETTE.has(panel.type) ? 'palette-classic' : 'thresholds' },
      mappings: [],
      thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] },
      ...defaults,
      custom: { ...CUSTOM[panel.type], ...defaults.custom },
    },
    overrides,
  };
}

/** Return frames whose fields know their options, colours and texts. */
export function configured(frames, fieldConfig, { theme, timeZone, templates }) {
  const data = applyFieldOverrides({
    data: frames,
    fieldConfig,
    fieldConfigRegistry: registryFor(fieldConfig),
    replaceVariables: (text) => templates.text(text),
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(data);
  return data;
}

/** Make the registry of the standard options, and of the visualisation's own ones that this panel names. */
function registryFor({ defaults, overrides }) {
  const registry = new FieldConfigOptionsRegistry();
  for (const id of STANDARD) registry.register(item(id, id));
  for (const id of OF_NUMBERS) registry.register(item(id, id, (field) => field.type === FieldType.number));
  const named = overrides.flatMap(({ properties }) => properties.map(({ id }) => id).filter((id) => id.startsWith('custom.')));
  const custom = new Set([...Object.keys(defaults.custom), ...named.map((id) => id.slice('custom.'.length))]);
  for (const path of custom) registry.register({ ...item(`custom.${path}`, path), isCustom: true });
  return registry;
}

function item(id, path, shouldApply = () => true) {
  return { id, path, name: id, shouldApply, process: identityOverrideProcessor, override: identityOverrideProcessor, editor: () => null, settings: {} };
}
