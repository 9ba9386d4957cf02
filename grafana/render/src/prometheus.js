// Questions to Prometheus, and the answers as the data frames that Grafana's data source makes of them.
import { FieldType, toDataFrame } from '@grafana/data';

export class Prometheus {
  /** Ask the server at `address` about `range`, unless a question has a range of its own. */
  constructor(address, range) {
    this._address = address;
    this._range = range;
  }

  /** Return the values of a label among the series that `selector` picks, or among all. */
  async labelValues(label, selector) {
    const more = selector === undefined ? {} : { 'match[]': selector };
    return this._get(`label/${label}/values`, { start: seconds(this._range.from), end: seconds(this._range.to), ...more });
  }

  /** Return the series that `expression` has at the end of `range`. */
  async instant(expression, range) {
    const found = await this._get('query', { query: expression, time: seconds(range.to) });
    return found.result.map(({ metric, value }) => ({ metric, values: [value] }));
  }

  /** Return the series that `expression` has over `range`, aligned to whole steps as Grafana does. */
  async over(expression, range, stepSeconds) {
    const align = (at) => Math.floor(seconds(at) / stepSeconds) * stepSeconds;
    const span = { start: align(range.from), end: align(range.to), step: stepSeconds };
    return (await this._get('query_range', { query: expression, ...span })).result;
  }

  async _get(path, parameters) {
    const answer = await fetch(`${this._address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await answer.json();
    if (status !== 'success') throw new Error(`prometheus: ${error}; asked \`${parameters.query ?? path}\``);
    return data;
  }
}

function seconds(at) {
  return at.valueOf() / 1000;
}

/** Make a frame of each series, named as the target says. */
export function seriesFrames(target, series, stepSeconds) {
  return series.map(({ metric, values }) => {
    const name = legend(target, metric);
    return toDataFrame({
      refId: target.refId,
      name,
      fields: [
        // The distance tells the chart where a point is missing, so that it breaks the line there.
        { name: 'Time', type: FieldType.time, config: { interval: stepSeconds * 1000 }, values: values.map(instantMs) },
        { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: name }, values: values.map(number) },
      ],
    });
  });
}

/** Make one frame of all series, with a column for each label; `alone` says whether no other target makes a table. */
export function tableFrame(target, series, alone) {
  const rows = series.flatMap(({ metric, values }) => values.map((value) => ({ metric, value })));
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(({ value }) => instantMs(value)) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map(({ metric }) => metric[label]),
      })),
      {
        name: alone ? 'Value' : `Value #${target.refId}`,
        type: FieldType.number,
        values: rows.map(({ value }) => number(value)),
      },
    ],
  });
}

function instantMs([at]) {
  return at * 1000;
}

function number([, text]) {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function legend({ legendFormat, refId }, metric) {
  if (legendFormat && legendFormat !== '__auto') {
    return legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
  }
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name || refId;
}
