import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Templates } from '../src/templates.js';

const variables = {
  one: { values: ['30d'], text: '30 days' },
  picked: { values: ['a.b', 'c'], text: 'a.b + c', isList: true },
  everything: { values: ['x', 'y'], text: 'All', all: true, allValue: '.+', isList: true },
};

function templates(unknown = () => {}) {
  return new Templates(variables, unknown);
}

test('every way to write a variable means the same', () => {
  assert.equal(templates().expression('$one [[one]] ${one} ${one:raw}'), '30d 30d 30d 30d');
});

test('people read the names, prometheus gets the values', () => {
  assert.equal(templates().text('$one, $picked, $everything'), '30 days, a.b + c, All');
  assert.equal(templates().expression('a{b=~"$one"}'), 'a{b=~"30d"}');
  assert.equal(templates().legend('$one, ${one:text}, {{team}}'), '30d, 30 days, {{team}}');
});

test('several values are an alternative, and special characters mean themselves', () => {
  assert.equal(templates().expression('a{b=~"$picked"}'), 'a{b=~"(a\\\\.b|c)"}');
});

test('all is what the dashboard says it is', () => {
  assert.equal(templates().expression('a{b=~"$everything"}'), 'a{b=~".+"}');
  assert.equal(templates().address('${everything:queryparam}'), 'var-everything=%24__all');
});

test('a variable that nobody knows is told, and stays', () => {
  const told = [];
  assert.equal(templates((name) => told.push(name)).expression('$tema'), '$tema');
  assert.deepEqual(told, ['tema']);
});

test("what others fill in is left to them: Grafana's own, and the groups of label_replace", () => {
  const told = [];
  const text = 'label_replace(a, "b", "$1", "c", "(.*)") ${__field.name}';
  assert.equal(templates((name) => told.push(name)).expression(text), text);
  assert.deepEqual(told, []);
});

test('a format that is not known is refused', () => {
  assert.throws(() => templates().text('${one:sqlstring}'), /no format `sqlstring`/);
});
