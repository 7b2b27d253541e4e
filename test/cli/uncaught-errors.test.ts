import { describe, expect, it } from 'vitest';
import { type UncaughtErrorFacts, UncaughtErrors, uncaughtErrorFacts } from '../../src/cli/uncaught-errors.js';

describe('what is told of a stray error', () => {
  it('is its kind and its place, never its words', () => {
    const facts = uncaughtErrorFacts(new TypeError('the token is secret (file:///secret.js:1:1)'));
    expect(facts.kind).toBe('TypeError');
    expect(facts.at).toMatch(/uncaught-errors\.test\.ts:\d+:\d+$/);
  });

  it('is a little of whatever was thrown', () => {
    expect(uncaughtErrorFacts('secret')).toEqual({ kind: 'string', at: undefined });
    expect(uncaughtErrorFacts(undefined)).toEqual({ kind: 'undefined', at: undefined });
    expect(uncaughtErrorFacts(Object.assign(new Error('x'), { stack: 7 }))).toMatchObject({ kind: 'Error' });
    const trap = new Error('x');
    Object.defineProperty(trap, 'stack', {
      get: () => {
        throw new Error('secret');
      },
    });
    expect(uncaughtErrorFacts(trap)).toEqual({ kind: 'unknown', at: undefined });
  });
});

describe('stray errors', () => {
  it('that came before there was anybody to tell are told then', () => {
    const strays = new UncaughtErrors();
    const told: UncaughtErrorFacts[] = [];
    strays.take(new Error('early'));
    strays.report((facts) => told.push(facts));
    strays.take(new TypeError('late'));
    expect(told).toMatchObject([
      { kind: 'Error', total: 1 },
      { kind: 'TypeError', total: 2 },
    ]);
  });

  it('in a flood are told once in a while', () => {
    const strays = new UncaughtErrors();
    const totals: number[] = [];
    strays.report(({ total }) => totals.push(total));
    for (let count = 0; count < 2500; count++) strays.take(new Error('x'));
    expect(totals).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000, 2000]);
  });
});

describe('the kind of a stray error', () => {
  it('is told where it is the name of one, and not where a module put something else into it', () => {
    class HttpError extends Error {}
    const odd = class extends Error {
      static override get name() {
        return 'secret-token';
      }
    };
    expect(uncaughtErrorFacts(new HttpError('x')).kind).toBe('HttpError');
    expect(uncaughtErrorFacts(new odd('x')).kind).toBe('Error');
  });

  it('of a rejection with something that is no error is that', () => {
    const wrapped = Object.assign(new Error('This error originated … "secret"'), { code: 'ERR_UNHANDLED_REJECTION' });
    expect(uncaughtErrorFacts(wrapped)).toEqual({ kind: 'rejection', at: undefined });
  });

  it('comes with the first place that is not inside Node', () => {
    const error = new Error('x');
    error.stack = 'Error: x\n    at node:internal/timers:1:2\n    at run (file:///auth.mjs:3:4)';
    expect(uncaughtErrorFacts(error).at).toBe('file:///auth.mjs:3:4');
  });
});
