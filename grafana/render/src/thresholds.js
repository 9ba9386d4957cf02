// Thresholds as Grafana reads them from a file.

/**
 * Let the first threshold of a panel, and of each of its columns, hold from below: files have `null` there, which counts
 * as 0, so that a negative number would be below all of them.
 */
export function holdFromBelow({ defaults = {}, overrides = [] }) {
  const changed = overrides.flatMap(({ properties }) => properties).filter(({ id }) => id === 'thresholds');
  for (const thresholds of [defaults.thresholds, ...changed.map(({ value }) => value)]) {
    for (const step of thresholds?.steps ?? []) step.value ??= -Infinity;
  }
}
