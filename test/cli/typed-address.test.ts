import { describe, expect, it } from 'vitest';
import { parseTypedAddress } from '../../src/cli/typed-address.js';
import { planTarget } from '../../src/policy/admit.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { formatTarget } from '../../src/policy/target.js';
import { connectionSettings, targetsOf } from '../../src/rdpfile/connection.js';
import { settingValue } from '../../src/rdpfile/parse.js';
import { DESKTOP_ADDRESSES, REFUSED_ADDRESSES } from '../support/desktop-addresses.js';

const { signal } = new AbortController();
const parts = { rules: new RuleSet([]), resolve: async () => ['127.0.0.1', '10.0.0.6'] };
/** An identity with the token of `mkrdp` for this target. */
const holderOf = (target: string) => ({
  user: 'alice',
  groups: [],
  targets: [target],
  local: true,
  until: undefined,
  method: 'signed',
  clientName: undefined,
});

describe('the address of a desktop, from mkrdp to the gateway', () => {
  it.each(DESKTOP_ADDRESSES)('$typed opens $target', async ({ typed, fullAddress, serverPort, requested, target }) => {
    const typedTarget = parseTypedAddress(typed, 3389);
    expect(formatTarget(typedTarget)).toBe(target);
    const settings = connectionSettings(typedTarget, { host: 'gw.example', port: 443 }, 'token');
    expect(settingValue(settings, 'full address')).toBe(fullAddress);
    expect(settingValue(settings, 'server port')).toBe(String(serverPort));
    expect(targetsOf(settings)).toEqual([target]);
    for (const host of requested) {
      const plan = await planTarget(holderOf(target), { host, port: serverPort }, parts, signal);
      expect([host, plan.allow && formatTarget(plan.target)]).toEqual([host, target]);
      const other = await planTarget(holderOf('other:3389'), { host, port: serverPort }, parts, signal);
      expect([host, other.allow]).toEqual([host, false]);
    }
  });

  it.each(REFUSED_ADDRESSES)('$text is refused', ({ text, message, hint }) => {
    expect(() => parseTypedAddress(text, 3389)).toThrow(
      expect.objectContaining({
        code: 'TARGET_INVALID',
        message: expect.stringMatching(message),
        ...(hint && { hint: expect.stringMatching(hint) }),
      }),
    );
  });

  it.each(REFUSED_ADDRESSES.map(({ text }) => text).filter((text) => text !== 'fd00::5:3390'))(
    'a client gets no channel to %j',
    async (host) => {
      const parts = {
        rules: new RuleSet([{ text: '*:*', ports: { first: 1, last: 65535 }, kind: 'any' }]),
        resolve: async () => ['10.0.0.6'],
      };
      const plan = await planTarget({ ...holderOf(''), targets: undefined }, { host, port: 3389 }, parts, signal);
      expect(plan).toMatchObject({ allow: false, code: 'denied' });
    },
  );
});
