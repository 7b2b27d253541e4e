import { describe, expect, it } from 'vitest';
import { readYaml, YamlProblem } from '../../src/yaml/document.js';

const NAME = 'rdgw.yaml';
const read = (text: string) => readYaml(NAME, text).values;

function problemOf(text: string): YamlProblem {
  try {
    readYaml(NAME, text);
  } catch (error) {
    if (error instanceof YamlProblem) return error;
    throw error;
  }
  return expect.unreachable(`${JSON.stringify(text)} was accepted`);
}

describe('values', () => {
  it('are read from block and flow style', () => {
    expect(read('a:\n  b:\n    - 1\n    - c: x\nd: {e: [true, null]}')).toEqual({
      a: { b: [1, { c: 'x' }] },
      d: { e: [true, null] },
    });
  });

  it('are read from JSON', () => {
    expect(read('{"a": {"b": [1, 2.5, "x", false]}}')).toEqual({ a: { b: [1, 2.5, 'x', false] } });
  });

  it('follow YAML 1.2: yes is text, a date is text, 0o17 is a number', () => {
    expect(read('a: yes\nb: 2026-01-01\nc: 0o17\nd: 1_000')).toEqual({ a: 'yes', b: '2026-01-01', c: 15, d: '1_000' });
  });

  it.each(['', '# comment\n', '---\n', 'null', '\ufeff'])('are empty for %j', (text) => {
    expect(read(text)).toEqual({});
  });

  it('keep __proto__ as an ordinary key', () => {
    const values = read('__proto__: {polluted: true}');
    expect(Object.keys(values)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
  });

  it.each(['- 1', 'text', '7', '[a]', '"a: 1"'])('must be a mapping at the top level: %s', (text) => {
    expect(problemOf(text)).toMatchObject({
      message: 'the top level is not a mapping of settings',
      place: 'rdgw.yaml:1:1',
    });
  });
});

describe('syntax errors', () => {
  it.each([
    ['a: [', 'rdgw.yaml:1:5'],
    ['a: 1\nb: "x', 'rdgw.yaml:2:6'],
    ['a: b: c', 'rdgw.yaml:1:4'],
    ['\ta: 1', 'rdgw.yaml:1:1'],
    ['a: @x', 'rdgw.yaml:1:4'],
    ['a: 1\n---\nb: 2', 'rdgw.yaml:2:1'],
  ])('have a location: %j', (text, place) => {
    const { message, place: found } = problemOf(text);
    expect(found).toBe(place);
    expect(message).toMatch(/^[^A-Z\n][^\n]*$/);
    expect(message).not.toMatch(/at line \d/);
  });
});

describe('duplicate keys', () => {
  it.each([
    ['a: 1\na: 2', 'rdgw.yaml:2:1'],
    ['a: 1\nb: 2\n"a": 3', 'rdgw.yaml:3:1'],
    ['a: {b: 1, b: 1}', 'rdgw.yaml:1:11'],
    ['a:\n  - b: 1\n    b: 2', 'rdgw.yaml:3:5'],
    ['{"a": 1, "a": 2}', 'rdgw.yaml:1:10'],
  ])('are rejected at the second key: %j', (text, place) => {
    expect(problemOf(text)).toMatchObject({ message: 'the key is a duplicate', place });
  });

  it('are allowed in different mappings', () => {
    expect(read('a: {k: 1}\nb: {k: 2}\nc: [{k: 3}, {k: 4}]')).toEqual({
      a: { k: 1 },
      b: { k: 2 },
      c: [{ k: 3 }, { k: 4 }],
    });
  });
});

describe('tags', () => {
  it.each([
    ['a: !custom 1', 'rdgw.yaml:1:4'],
    ['a: !!js/function "x"', 'rdgw.yaml:1:4'],
    ['a:\n  - !env HOME', 'rdgw.yaml:2:5'],
  ])('are rejected if they are unknown: %j', (text, place) => {
    expect(problemOf(text)).toMatchObject({ message: 'the tag is unknown', place });
  });

  it('of the core schema are accepted', () => {
    expect(read('a: !!str 1\nb: !!int "2"')).toEqual({ a: '1', b: 2 });
  });
});

describe('aliases', () => {
  const TOO_MANY = { message: 'the file has too many aliases', place: 'rdgw.yaml' };

  it('repeat the value of their anchor', () => {
    expect(read('a: &x {b: [1]}\nc: *x\nd: [*x]')).toEqual({ a: { b: [1] }, c: { b: [1] }, d: [{ b: [1] }] });
  });

  it('are limited to less than 100', () => {
    const list = (count: number) => `a: &a 1\nb: [${'*a,'.repeat(count)}]`;
    expect(read(list(99)).b).toHaveLength(99);
    expect(problemOf(list(101))).toMatchObject(TOO_MANY);
  });

  it('are limited when they multiply', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const lines = names.slice(1).map((name, index) => `${name}: &${name} [${`*${names[index]},`.repeat(9)}]`);
    expect(problemOf(['a: &a [x,x]', ...lines].join('\n'))).toMatchObject(TOO_MANY);
  });

  it('are rejected without an anchor', () => {
    expect(problemOf('a: 1\nb: [*x]')).toMatchObject({ message: 'the alias has no anchor', place: 'rdgw.yaml:2:5' });
    expect(problemOf('a: *x\nb: &x 1')).toMatchObject({ message: 'the alias has no anchor', place: 'rdgw.yaml:1:4' });
  });

  it('never stand in a message, because a password may look like one', () => {
    for (const text of [
      'a: *hunter2',
      'a: !hunter2 1',
      'a: |hunter2\n  x',
      '%hunter2 x\n---\na: 1',
      'a: "\\hunter2"',
      'a: @hunter2',
    ]) {
      const { message, place } = problemOf(text);
      expect(`${place} ${message}`, text).not.toContain('hunter2');
    }
  });
});

describe('nesting', () => {
  const TOO_DEEP = { message: 'the file is nested too deeply (at most 64 levels)', place: 'rdgw.yaml' };
  const lists = (depth: number) => `${'['.repeat(depth)}x${']'.repeat(depth)}`;
  const mappings = (depth: number) => `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`;

  it('is allowed up to 64 levels', () => {
    expect(() => read(mappings(64))).not.toThrow();
    expect(() => read(`a: ${lists(63)}`)).not.toThrow();
  });

  it.each([
    ['flow mappings', mappings(65)],
    ['flow lists', `a: ${lists(64)}`],
    ['block mappings', Array.from({ length: 65 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
    ['keys', `? ${lists(64)}\n: 1`],
  ])('is rejected beyond 64 levels: %s', (_, text) => {
    expect(problemOf(text)).toMatchObject(TOO_DEEP);
  });

  it.each(['[', '{a: ', '- ', '? '])('does not exhaust the stack: 50000 times %j', (token) => {
    expect(problemOf(token.repeat(50_000))).toMatchObject(TOO_DEEP);
  });
});

describe('placeOf', () => {
  const { placeOf } = readYaml(
    NAME,
    `top: 1
auth:
  paa: {mode: any, keys: [a, "b"]}
list:
  - x
  - name: y
    deep: [1, [2, 3]]
base: &base
  k: {v: 1}
use: *base
7: seven
empty:
`,
  );

  it.each<[readonly PropertyKey[], string]>([
    [[], 'rdgw.yaml:1:1'],
    [['top'], 'rdgw.yaml:1:1'],
    [['auth', 'paa'], 'rdgw.yaml:3:3'],
    [['auth', 'paa', 'mode'], 'rdgw.yaml:3:9'],
    [['base', 'k', 'v'], 'rdgw.yaml:9:7'],
    [['empty'], 'rdgw.yaml:12:1'],
    [['7'], 'rdgw.yaml:11:1'],
  ])('returns the location of the key: %j', (path, place) => {
    expect(placeOf(path)).toBe(place);
  });

  it.each<[readonly PropertyKey[], string]>([
    [['list', 0], 'rdgw.yaml:5:5'],
    [['auth', 'paa', 'keys', 1], 'rdgw.yaml:3:30'],
    [['list', 1, 'deep'], 'rdgw.yaml:7:5'],
    [['list', 1, 'deep', 1, 1], 'rdgw.yaml:7:19'],
  ])('returns the location of the list item: %j', (path, place) => {
    expect(placeOf(path)).toBe(place);
  });

  it.each<[readonly PropertyKey[], string]>([
    [['none', 'x'], 'rdgw.yaml:1:1'],
    [['auth', 'none'], 'rdgw.yaml:2:1'],
    [['auth', 'paa', 'keys', 7], 'rdgw.yaml:3:20'],
    [['list', 'name'], 'rdgw.yaml:4:1'],
    [['top', 'x'], 'rdgw.yaml:1:1'],
    [['empty', 'x'], 'rdgw.yaml:12:1'],
  ])('returns the innermost existing part of a path that does not exist: %j', (path, place) => {
    expect(placeOf(path)).toBe(place);
  });

  it('stops at an alias, not at its anchor', () => {
    expect(placeOf(['use', 'k', 'v'])).toBe('rdgw.yaml:10:1');
  });
});
