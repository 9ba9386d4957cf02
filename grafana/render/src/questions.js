// A panel's targets, asked of Prometheus.
import { FieldType } from '@grafana/data';

import { seriesFrames, tableFrame } from './prometheus.js';

/** Return the frames of all targets, in their order; a target without an answer is noted. */
export async function answers(panel, asking) {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const alone = targets.filter(({ format }) => format === 'table').length < 2;
  const found = await Promise.all(targets.map((target) => answer(panel, target, alone, asking)));
  return found.flat();
}

async function answer(panel, target, alone, { prometheus, templates, range, stepSeconds, drawing }) {
  const expression = templates.expression(target.expr);
  const series = target.instant
    ? await prometheus.instant(expression, range)
    : await prometheus.over(expression, range, stepSeconds);
  if (series.length === 0 && !MAY_BE_EMPTY.test(target.expr)) {
    drawing.hint(panel.title, `query ${target.refId} has no answer: \`${expression}\``);
  }
  if (target.format === 'table') return series.length ? [tableFrame(target, series, alone)] : [];
  return seriesFrames({ ...target, legendFormat: templates.legend(target.legendFormat) }, series, stepSeconds);
}

const MAY_BE_EMPTY = /\bALERTS\b|\babsent(_over_time)?\b/;

/** Return whether nothing to see is good news: a panel about alerts, or about what should be there. */
export function mayBeEmpty(panel) {
  return panel.targets.every(({ expr }) => MAY_BE_EMPTY.test(expr));
}

/** Return whether no frame holds a number. */
export function isEmpty(frames) {
  const numbers = frames.flatMap((frame) => frame.fields.filter(({ type }) => type === FieldType.number));
  return !numbers.some((field) => field.values.some((value) => Number.isFinite(value)));
}
