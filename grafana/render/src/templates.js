// Texts with variables in them: $name, [[name]], ${name} and ${name:format}, as Grafana writes them.

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;
const REGEX_SPECIAL = /[\\^$.*+?()[\]{}|/-]/g;
const PROMETHEUS_SPECIAL = /[$()*+.?[\\\]^{|}]/g;

const SOMEBODY_ELSES = /^(__.*|\d+)$/; // Grafana's own, filled in later, and the groups of `label_replace`

const FORMATS = {
  raw: (values) => values.join(','),
  csv: (values) => values.join(','),
  pipe: (values) => values.join('|'),
  regex: (values) => group(values.map((value) => value.replace(REGEX_SPECIAL, '\\$&'))),
  percentencode: (values) => values.map(encodeURIComponent).join(','),
  doublequote: (values) => values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(','),
};

export class Templates {
  /**
   * @param variables name -> {values, text, all, allValue, isList}; `values` are those that are chosen.
   * @param unknown told the name of each variable that nobody knows.
   */
  constructor(variables, unknown) {
    this._variables = variables;
    this._unknown = unknown;
  }

  /** Return these templates with more variables: name -> text. */
  with(builtIn) {
    const more = Object.entries(builtIn).map(([name, text]) => [name, { values: [text], text }]);
    return new Templates({ ...this._variables, ...Object.fromEntries(more) }, this._unknown);
  }

  /** Fill in a text that people read: what is chosen, by its name. */
  text(template) {
    return this._fill(template, (variable) => variable.text);
  }

  /** Fill in an expression of Prometheus: several values become an alternative, special characters are escaped. */
  expression(template) {
    return this._fill(template, (variable) => {
      if (variable.all && variable.allValue) return variable.allValue;
      if (!variable.isList) return variable.values.join('|');
      return group(variable.values.map((value) => value.replace(PROMETHEUS_SPECIAL, '\\\\$&')));
    });
  }

  /** Fill in the name of a series: what is chosen, by its values. */
  legend(template) {
    return this._fill(template, ({ values }) => (values.length === 1 ? values[0] : `{${values.join(',')}}`));
  }

  /** Fill in an address. */
  address(template) {
    return this._fill(template, (variable) => variable.values.map(encodeURIComponent).join(','));
  }

  _fill(template, usual) {
    return (template ?? '').replace(REFERENCE, (found, bare, bracketed, bracketedFormat, braced, path, bracedFormat) => {
      const name = bare ?? bracketed ?? braced;
      const variable = this._variables[name];
      if (variable === undefined) {
        if (!SOMEBODY_ELSES.test(name)) this._unknown(name);
        return found;
      }
      const format = bracketedFormat ?? bracedFormat;
      return format === undefined ? usual(variable) : formatted(name, variable, format);
    });
  }
}

function formatted(name, variable, format) {
  if (format === 'text') return variable.text;
  if (format === 'queryparam') {
    const values = variable.all ? ['$__all'] : variable.values;
    return values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join('&');
  }
  if (FORMATS[format] === undefined) throw new Error(`variable \`${name}\`: this renderer has no format \`${format}\``);
  return variable.all && variable.allValue ? variable.allValue : FORMATS[format](variable.values);
}

function group(values) {
  return values.length === 1 ? values[0] : `(${values.join('|')})`;
}
