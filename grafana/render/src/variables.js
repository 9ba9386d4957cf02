// The variables of a dashboard, with the values that it opens with.

const ALL = '$__all';
const LABEL_VALUES = /^label_values\((?:(.+),)?\s*(\w+)\s*\)$/s;

import { Templates } from './templates.js';

/**
 * Resolve the variables in their order, because each may use those before it.
 *
 * @returns {shown, templates}: what the bar above the panels shows, [{label, text}], and the templates for everything.
 */
export async function resolveVariables(list, prometheus, drawing) {
  const known = {};
  const shown = [];
  const unknown = (name) => drawing.fault('variables', `\`$${name}\` is no variable of this dashboard`);
  const templates = new Templates(known, unknown);
  for (const variable of list) {
    try {
      known[variable.name] = chosen(variable, await optionsOf(variable, prometheus, templates));
      if (!variable.hide) shown.push({ label: variable.label || variable.name, text: known[variable.name].text });
    } catch (error) {
      drawing.fault(`variable \`${variable.name}\``, error.message);
    }
  }
  return { shown, templates };
}

async function optionsOf(variable, prometheus, templates) {
  switch (variable.type) {
    case 'query':
      return sorted(await labelValues(variable, prometheus, templates), variable.sort);
    case 'custom':
      return variable.query.split(',').map((part) => option(part.trim()));
    case 'interval':
      return variable.query.split(',').map((part) => ({ text: part.trim(), value: part.trim() }));
    case 'datasource':
      return [variable.current?.text ? variable.current : { text: 'Prometheus', value: 'prometheus' }];
    case 'constant':
    case 'textbox':
      return [{ text: variable.query, value: variable.query }];
    default:
      throw new Error(`this renderer has no variables of type \`${variable.type}\``);
  }
}

/** Read `text : value`, or a value that is its own text. */
function option(part) {
  const [text, value] = part.split(/\s+:\s+/);
  return { text, value: value ?? text };
}

async function labelValues(variable, prometheus, templates) {
  const query = typeof variable.query === 'string' ? variable.query : variable.query.query;
  const match = LABEL_VALUES.exec(query.trim());
  if (!match) throw new Error(`this renderer knows label_values only, not \`${query}\``);
  const selector = match[1] === undefined ? undefined : templates.expression(match[1]);
  const values = await prometheus.labelValues(match[2], selector);
  if (values.length === 0) throw new Error(`\`${query}\` has no values`);
  const pattern = variable.regex ? new RegExp(variable.regex.replace(/^\/|\/$/g, '')) : /^/;
  return values.filter((value) => pattern.test(value)).map((value) => ({ text: value, value }));
}

/** Sort as the declared number says: 0 not, then by text and by number, ascending and descending, then without case. */
function sorted(options, sort) {
  const by = {
    1: (a, b) => (a.text < b.text ? -1 : 1),
    3: (a, b) => parseFloat(a.text) - parseFloat(b.text),
    5: (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()),
  }[sort % 2 ? sort : sort - 1];
  const rising = by ? [...options].sort(by) : options;
  return sort && sort % 2 === 0 ? rising.reverse() : rising;
}

/** Return what is chosen when the dashboard opens: what is saved with it where that is an option, else the first. */
function chosen(variable, options) {
  const saved = [variable.current?.value ?? []].flat().filter((value) => value !== '');
  const isList = Boolean(variable.multi || variable.includeAll);
  if (variable.includeAll && (saved.includes(ALL) || saved.length === 0)) {
    return { values: options.map((o) => o.value), text: 'All', all: true, allValue: variable.allValue, isList };
  }
  const found = options.filter((o) => saved.includes(o.value));
  const picked = found.length ? found : options.slice(0, 1);
  return { values: picked.map((o) => o.value), text: picked.map((o) => o.text).join(' + '), isList };
}
