import { describe, expect, it } from 'vitest';
import { deleteAt, isTree, setAt, type Tree, valueAt } from '../../src/yaml/tree.js';

describe('isTree', () => {
  it('accepts mappings only', () => {
    expect(isTree({})).toBe(true);
    for (const value of [null, undefined, [], 'text', 1]) expect(isTree(value)).toBe(false);
  });
});

describe('valueAt', () => {
  const tree = { timeouts: { dial: 5, tls: null }, list: [1] };

  it.each([
    ['timeouts', { dial: 5, tls: null }],
    ['timeouts.dial', 5],
    ['timeouts.tls', null],
  ])('returns the value at %s', (path, value) => {
    expect(valueAt(tree, path)).toEqual(value);
  });

  it.each(['none', 'timeouts.none', 'timeouts.dial.x', 'list.0', 'list.length', 'constructor', 'timeouts.toString'])(
    'returns undefined at %s',
    (path) => {
      expect(valueAt(tree, path)).toBeUndefined();
    },
  );
});

describe('setAt', () => {
  it('creates missing sections and keeps existing values', () => {
    const tree: Tree = { tls: { cert: 'a' } };
    setAt(tree, 'tls.key', 'b');
    setAt(tree, 'auth.paa.mode', 'any');
    setAt(tree, 'listen', 1);
    expect(tree).toEqual({ tls: { cert: 'a', key: 'b' }, auth: { paa: { mode: 'any' } }, listen: 1 });
  });

  it('replaces an empty section', () => {
    const tree: Tree = { tls: null };
    setAt(tree, 'tls.key', 'b');
    expect(tree).toEqual({ tls: { key: 'b' } });
  });

  it.each([['text'], [[1]], [7]])('leaves a section that is not a mapping: %j', (value) => {
    const tree: Tree = { tls: value };
    setAt(tree, 'tls.key', 'b');
    expect(tree).toEqual({ tls: value });
  });
});

describe('deleteAt', () => {
  it('removes the value and keeps its section', () => {
    const tree: Tree = { tls: { cert: 'a' }, listen: 1 };
    deleteAt(tree, 'tls.cert');
    deleteAt(tree, 'listen');
    expect(tree).toEqual({ tls: {} });
  });

  it('ignores a path that does not exist', () => {
    const tree: Tree = { listen: 1 };
    for (const path of ['none', 'tls.cert', 'listen.x']) deleteAt(tree, path);
    expect(tree).toEqual({ listen: 1 });
  });
});
