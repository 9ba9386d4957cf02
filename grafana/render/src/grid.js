// Where panels are: Grafana's grid of 24 columns, with every row open.

const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;

/** Return the panels of a dashboard in one list, those of closed rows below their row, which then is open. */
export function opened(panels) {
  const placed = [];
  let shift = 0;
  for (const panel of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
    const y = panel.gridPos.y + shift;
    placed.push(at(panel, y));
    const inside = panel.type === 'row' && panel.collapsed ? (panel.panels ?? []) : [];
    if (inside.length) {
      const top = Math.min(...inside.map((p) => p.gridPos.y));
      const bottom = Math.max(...inside.map((p) => p.gridPos.y + p.gridPos.h));
      placed.push(...inside.map((p) => at(p, p.gridPos.y - top + y + panel.gridPos.h)));
      shift += bottom - top;
    }
  }
  return placed;
}

function at(panel, y) {
  return { ...panel, gridPos: { ...panel.gridPos, y } };
}

/** Return where a panel is on a page of that width, in pixels. */
export function box({ x, y, w, h }, pageWidth) {
  const column = (pageWidth - GAP * (COLUMNS - 1)) / COLUMNS;
  return {
    left: x * (column + GAP),
    top: y * (CELL_HEIGHT + GAP),
    width: w * (column + GAP) - GAP,
    height: h * (CELL_HEIGHT + GAP) - GAP,
  };
}

/** Return how high the grid is with these panels, in pixels. */
export function gridHeight(panels) {
  return Math.max(0, ...panels.map(({ gridPos }) => box(gridPos, 0).top + box(gridPos, 0).height));
}
