import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/yaml/nearest.js';

const KNOWN = ['dial', 'drain', 'decision', 'keepAlive', 'tls'];

describe('nearest', () => {
  it.each([
    ['dail', 'dial'],
    ['DIAL', 'dial'],
    ['dial', 'dial'],
    ['keep-alive', 'keepAlive'],
    ['desicion', 'decision'],
    ['tsl', 'tls'],
  ])('%s: %s', (word, expected) => {
    expect(nearest(word, KNOWN)).toBe(expected);
  });

  it.each(['', 'listen', 'timeout', 'xyz'])('returns undefined if no word is close: %j', (word) => {
    expect(nearest(word, KNOWN)).toBeUndefined();
  });

  it('returns undefined without known words', () => {
    expect(nearest('dial', [])).toBeUndefined();
  });

  it('accepts two edits in a short word and a third of the letters in a long one', () => {
    expect(nearest('abxx', ['abcd'])).toBe('abcd');
    expect(nearest('axxx', ['abcd'])).toBeUndefined();
    expect(nearest('abcdefxxx', ['abcdefghi'])).toBe('abcdefghi');
    expect(nearest('abcdexxxx', ['abcdefghi'])).toBeUndefined();
  });

  it.each([
    ['no', 'end'],
    ['a', 'on'],
  ])('keeps at least one letter of a short word: %s is not %s', (word, known) => {
    expect(nearest(word, [known])).toBeUndefined();
  });

  it('accepts at most the given distance', () => {
    expect(nearest('RDGW_LISTE', ['RDGW_LISTEN'], 1)).toBe('RDGW_LISTEN');
    expect(nearest('RDGW_LIST', ['RDGW_LISTEN'], 1)).toBeUndefined();
  });

  it('prefers the closest word, then the first', () => {
    expect(nearest('cat', ['cart', 'cut', 'cat'])).toBe('cat');
    expect(nearest('cat', ['cut', 'cot'])).toBe('cut');
  });
});
