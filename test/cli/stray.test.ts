import { describe, expect, it } from 'vitest';
import { strayFacts } from '../../src/cli/stray.js';

describe('what is told of a stray error', () => {
  it('is its kind and its place, never its words', () => {
    const facts = strayFacts(new TypeError('the token is secret (file:///secret.js:1:1)'));
    expect(facts.kind).toBe('TypeError');
    expect(facts.at).toMatch(/stray\.test\.ts:\d+:\d+$/);
  });

  it('is a little of whatever was thrown', () => {
    expect(strayFacts('secret')).toEqual({ kind: 'string', at: undefined });
    expect(strayFacts(undefined)).toEqual({ kind: 'undefined', at: undefined });
    expect(strayFacts(Object.assign(new Error('x'), { stack: 7 }))).toMatchObject({ kind: 'Error' });
    const trap = new Error('x');
    Object.defineProperty(trap, 'stack', {
      get: () => {
        throw new Error('secret');
      },
    });
    expect(strayFacts(trap)).toEqual({ kind: 'unknown', at: undefined });
  });
});
