import { describe, expect, it, vi } from 'vitest';
import { AUTHORIZE_MAX, DENIED_MAX, targetOpener } from '../../../src/gateway/target/dial.js';
import { parseRule } from '../../../src/policy/rules.js';
import type { Identity, TargetRequest } from '../../../src/policy/types.js';
import { RESULT } from '../../../src/protocol/index.js';
import { closedPort } from '../../support/target.js';

const alice: Identity = {
  user: 'alice',
  groups: [],
  targets: undefined,
  local: false,
  until: undefined,
  method: 'test',
  clientName: undefined,
};
const TIMEOUTS = { dial: 5000, decision: 5000, all: 25_000 };
const { signal } = new AbortController();
/** As many as CHANNEL_CREATE can have: 50 resources and 3 alternatives. */
const names = (of: (index: number) => string): string[] => Array.from({ length: 53 }, (_, index) => of(index));
const rules = ['10.0.0.0/8', '127.0.0.0/8:*', '*:*'].map(parseRule);

describe('a channel request with many names', () => {
  it('ends after a few denied ones, and says how many were not tried', async () => {
    const authorize = vi.fn(async () => ({ allow: false, reason: 'no' }) as const);
    const result = await targetOpener({ rules, authorize }, TIMEOUTS)(
      alice,
      names((index) => `10.0.0.${index}`),
      3389,
      signal,
    );
    expect(authorize).toHaveBeenCalledTimes(DENIED_MAX);
    expect(result).toMatchObject({
      code: RESULT.E_PROXY_RAP_ACCESSDENIED,
      reason: expect.stringMatching(/^no; .*; 45 more names were not tried$/),
    });
  });

  it('lets other sessions have their turn between two names', async () => {
    let turn = 0;
    const count = (): void => void setImmediate(() => ++turn < 1000 && count());
    count();
    const turns: number[] = [];
    const authorize = async () => {
      turns.push(turn);
      return { allow: false, reason: 'no' } as const;
    };
    const requested = names((index) => `10.0.0.${index}`);
    await targetOpener({ rules, authorize }, TIMEOUTS)(alice, requested, 3389, signal);
    expect(new Set(turns).size).toBe(DENIED_MAX);
    turn = 1000;
  });

  it('calls the custom authenticator a limited number of times, even if it allows every address', async () => {
    const port = await closedPort();
    const authorize = vi.fn(async (_: Identity, __: TargetRequest) => ({ allow: true }) as const);
    const lookUp = async () => Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 1}`);
    const open = targetOpener({ rules, authorize }, TIMEOUTS, lookUp);
    const result = await open(
      alice,
      names((index) => `desk-${index}`),
      port,
      signal,
    );
    expect(authorize).toHaveBeenCalledTimes(AUTHORIZE_MAX);
    expect(result).toMatchObject({ code: RESULT.E_PROXY_TS_CONNECTFAILED });
  });
});
