// The values that stat, gauge, bar gauge and pie show: each field reduced, or each row.
import { getFieldDisplayValues } from '@grafana/data';

const REDUCE = { values: false, calcs: ['lastNotNull'], fields: '' };

/** Return Grafana's display values of the frames; one that says that there is no data when there is none. */
export function displayValues({ panel, frames, fieldConfig, templates, context }, more = {}) {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig,
    reduceOptions: { ...REDUCE, ...panel.options?.reduceOptions },
    replaceVariables: (text) => templates.text(text),
    theme: context.theme,
    timeZone: context.timeZone,
    ...more,
  });
}
