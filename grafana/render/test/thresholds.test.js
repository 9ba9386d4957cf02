import assert from 'node:assert/strict';
import { test } from 'node:test';

import { holdFromBelow } from '../src/thresholds.js';

const thresholds = () => ({ mode: 'absolute', steps: [{ color: 'orange', value: null }, { color: 'green', value: -0.2 }] });
const values = ({ steps }) => steps.map(({ value }) => value);

test('the first threshold holds from below, that of a column too', () => {
  const config = {
    defaults: { thresholds: thresholds() },
    overrides: [{ properties: [{ id: 'unit', value: 's' }, { id: 'thresholds', value: thresholds() }] }],
  };
  holdFromBelow(config);
  assert.deepEqual(values(config.defaults.thresholds), [-Infinity, -0.2]);
  assert.deepEqual(values(config.overrides[0].properties[1].value), [-Infinity, -0.2]);
});

test('a panel without thresholds stays as it is', () => {
  const config = { defaults: { unit: 's' } };
  holdFromBelow(config);
  assert.deepEqual(config, { defaults: { unit: 's' } });
});
