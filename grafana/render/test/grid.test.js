import assert from 'node:assert/strict';
import { test } from 'node:test';

import { box, gridHeight, opened } from '../src/grid.js';

const panel = (id, x, y, w, h, more = {}) => ({ id, type: 'stat', gridPos: { x, y, w, h }, ...more });

test('a panel of all columns is as wide as the page', () => {
  assert.deepEqual(box({ x: 0, y: 0, w: 24, h: 1 }, 1888), { left: 0, top: 0, width: 1888, height: 30 });
});

test('neighbours are eight pixels apart', () => {
  const [left, right] = [box({ x: 0, y: 0, w: 12, h: 4 }, 1888), box({ x: 12, y: 0, w: 12, h: 4 }, 1888)];
  assert.equal(right.left - (left.left + left.width), 8);
  assert.equal(box({ x: 0, y: 4, w: 1, h: 1 }, 1888).top - left.height, 8);
});

test('a closed row opens, and what is below it moves down', () => {
  const inside = [panel(2, 0, 11, 12, 5), panel(3, 12, 11, 12, 7)];
  const row = panel(1, 0, 10, 24, 1, { type: 'row', collapsed: true, panels: inside });
  const places = opened([panel(4, 0, 11, 24, 3), row]).map(({ id, gridPos }) => [id, gridPos.y]);
  assert.deepEqual(places, [[1, 10], [2, 11], [3, 11], [4, 18]]);
});

test('the panels of a closed row that are placed from nought stand below it too', () => {
  const row = panel(1, 0, 10, 24, 1, { type: 'row', collapsed: true, panels: [panel(2, 0, 0, 12, 5)] });
  assert.equal(opened([row])[1].gridPos.y, 11);
});

test('the grid ends where its lowest panel does', () => {
  assert.equal(gridHeight([panel(1, 0, 0, 12, 2), panel(2, 12, 0, 12, 5)]), 5 * 38 - 8);
});
