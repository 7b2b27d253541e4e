import { describe, expect, it, vi } from 'vitest';
import { AUTHORIZE_MAX, DENIED_MAX, targetOpener } from '../../../src/gateway/target/dial.js';
import { RuleSet } from '../../../src/policy/rule-set.js';
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
    const result = await targetOpener({ rules: new RuleSet(rules), authorize }, TIMEOUTS)(
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
    await targetOpener({ rules: new RuleSet(rules), authorize }, TIMEOUTS)(alice, requested, 3389, signal);
    expect(new Set(turns).size).toBe(DENIED_MAX);
    turn = 1000;
  });

  it('calls the custom authenticator a limited number of times, even if it allows every address', async () => {
    const port = await closedPort();
    const authorize = vi.fn(async (_: Identity, __: TargetRequest) => ({ allow: true }) as const);
    const lookUp = async () => Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 1}`);
    const open = targetOpener({ rules: new RuleSet(rules), authorize }, TIMEOUTS, lookUp);
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

describe('a refused channel', () => {
  const refuse = async (hosts: readonly string[], port = 3389) => {
    const result = await targetOpener({ rules: new RuleSet([]), authorize: undefined }, TIMEOUTS)(
      alice,
      hosts,
      port,
      signal,
    );
    if ('relay' in result) throw new Error('a channel was opened');
    return result;
  };

  it('names its target in canonical form, an IPv6 address in brackets', async () => {
    expect((await refuse(['FD00:0::5'])).target).toBe('[fd00::5]:3389');
    expect((await refuse(['[fd00::5]'])).target).toBe('[fd00::5]:3389');
    expect((await refuse(['fe80::1%eth0'])).target).toBe('[fe80::1%eth0]:3389');
    expect((await refuse(['DESK.', 'BÜRO', '10.1'])).target).toBe('desk:3389,xn--bro-hoa:3389,10.1:3389');
  });

  it('gives the reason for an address with a zone', async () => {
    expect(await refuse(['fe80::1%eth0'])).toMatchObject({
      code: RESULT.E_PROXY_RAP_ACCESSDENIED,
      reason: '"fe80::1%eth0" has a zone (%), which is a network interface of one machine',
    });
  });

  it('is a failed connection for port 0, which no policy can allow', async () => {
    expect(await refuse(['desk', '10.0.0.5'], 0)).toEqual({
      code: RESULT.E_PROXY_TS_CONNECTFAILED,
      target: 'desk:0,10.0.0.5:0',
      reason: 'the client asked for port 0, which is not a port: check "server port" in its .rdp file',
    });
  });

  it('says how FreeRDP 2 finds the port after an IPv6 address', async () => {
    expect(await refuse(['::1'], 0)).toEqual({
      code: RESULT.E_PROXY_TS_CONNECTFAILED,
      target: '[::1]:0',
      reason:
        'the client asked for port 0, which is not a port: check "server port" in its .rdp file, ' +
        'and write /v:[ADDRESS] /port:PORT for FreeRDP 2',
    });
  });

  it('has a short log line for the longest names', async () => {
    const { target, reason } = await refuse(['ä'.repeat(32_000)]);
    expect(target).toBe(`${'ä'.repeat(255)}… (32000 characters):3389`);
    expect(reason.length).toBeLessThan(200);
    const many = await refuse(names((index) => `${index}${'\u{1f600}'.repeat(16_000)}`));
    expect(many.target.length + many.reason.length).toBeLessThan(5000);
    expect(many.target.isWellFormed()).toBe(true);
    const portless = await refuse(
      names(() => 'ä'.repeat(600)),
      0,
    );
    expect(portless.target).toMatch(/,45 more$/);
    expect(portless.target.length).toBeLessThan(3000);
  });
});
