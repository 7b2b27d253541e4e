import { describe, expect, it } from 'vitest';
import { type UncaughtErrorFacts, UncaughtErrors, uncaughtErrorFacts } from '../../src/cli/uncaught-errors.js';

describe('uncaughtErrorFacts', () => {
  it('returns the class and the position of an error, never its message', () => {
    const facts = uncaughtErrorFacts(new TypeError('the token is secret (file:///secret.js:1:1)'));
    expect(facts.kind).toBe('TypeError');
    expect(facts.at).toMatch(/uncaught-errors\.test\.ts:\d+:\d+$/);
  });

  it('accepts any thrown value', () => {
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

describe('UncaughtErrors', () => {
  it('reports errors from before the reporter was set', () => {
    const errors = new UncaughtErrors();
    const reported: UncaughtErrorFacts[] = [];
    errors.handle(new Error('early'));
    errors.reportTo((facts) => reported.push(facts));
    errors.handle(new TypeError('late'));
    expect(reported).toMatchObject([
      { kind: 'Error', total: 1 },
      { kind: 'TypeError', total: 2 },
    ]);
  });

  it('reports the first ten errors, then one in a thousand', () => {
    const errors = new UncaughtErrors();
    const totals: number[] = [];
    errors.reportTo(({ total }) => totals.push(total));
    for (let count = 0; count < 2500; count++) errors.handle(new Error('x'));
    expect(totals).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000, 2000]);
  });
});

describe('the kind of an uncaught error', () => {
  it('is the class name of the error, or Error if the name is not one of a class', () => {
    class HttpError extends Error {}
    const odd = class extends Error {
      static override get name() {
        return 'secret-token';
      }
    };
    expect(uncaughtErrorFacts(new HttpError('x')).kind).toBe('HttpError');
    expect(uncaughtErrorFacts(new odd('x')).kind).toBe('Error');
  });

  it('is rejection for a rejection whose reason is not an Error', () => {
    const wrapped = Object.assign(new Error('This error originated … "secret"'), { code: 'ERR_UNHANDLED_REJECTION' });
    expect(uncaughtErrorFacts(wrapped)).toEqual({ kind: 'rejection', at: undefined });
  });

  it('has the first position outside Node with it', () => {
    const error = new Error('x');
    error.stack = 'Error: x\n    at node:internal/timers:1:2\n    at run (file:///auth.mjs:3:4)';
    expect(uncaughtErrorFacts(error).at).toBe('file:///auth.mjs:3:4');
  });
});
