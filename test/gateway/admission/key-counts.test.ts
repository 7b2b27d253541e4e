import { expect, it } from 'vitest';
import { KeyCounts } from '../../../src/gateway/admission/key-counts.js';

it('keys are counted, and one of which there is none is forgotten', () => {
  const counts = new KeyCounts();
  for (const key of ['a', 'b', 'a']) counts.add(key);
  expect([...counts.entries()]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(['a', 'b', 'b', 'c'].map((key) => counts.remove(key))).toEqual([true, true, false, false]);
  expect([...counts.entries()]).toEqual([['a', 1]]);
  expect(['a', 'b'].map((key) => counts.get(key))).toEqual([1, 0]);
});
