// Times as Grafana reckons them: ranges like `now-6h`, and how far apart the points of a query are.
import { dateMath, rangeUtil } from '@grafana/data';

export const SCRAPE_INTERVAL_MS = 5_000;

/** Return the time range of texts like {from: 'now-6h', to: 'now'} as of `now` (ms since the epoch). */
export function timeRange({ from, to }, timezone, now) {
  const at = (text, roundUp) => dateMath.toDateTime(text, { roundUp, timezone, now });
  const range = { from: at(from, false), to: at(to, true) };
  return { ...range, raw: { from: relative(from) ?? range.from, to: relative(to) ?? range.to } };
}

function relative(text) {
  return text.startsWith('now') ? text : undefined;
}

/** Return the range of a panel that has one of its own (`timeFrom`, like `24h`), else the dashboard's. */
export function panelRange(panel, range, timezone, now) {
  return panel.timeFrom ? timeRange({ from: `now-${panel.timeFrom}`, to: 'now' }, timezone, now) : range;
}

/** Return the built-in variables of a query over `range` that may have so many points. */
export function intervals(range, points, minimum) {
  const least = `${Math.max(SCRAPE_INTERVAL_MS, minimum ? rangeUtil.intervalToMs(minimum) : 0)}ms`;
  const { intervalMs, interval } = rangeUtil.calculateInterval(range, points, least);
  const rate = Math.max(intervalMs + SCRAPE_INTERVAL_MS, 4 * SCRAPE_INTERVAL_MS);
  const span = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
  return {
    stepSeconds: intervalMs / 1000,
    builtIn: {
      __interval: interval,
      __interval_ms: String(intervalMs),
      __rate_interval: `${rate / 1000}s`,
      __range: `${span}s`,
      __range_s: String(span),
      __range_ms: String(span * 1000),
    },
  };
}
