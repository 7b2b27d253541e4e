import { describe, expect, it } from 'vitest';
import type { UserQuota } from '../../../src/gateway/admission/user-quota.js';
import { UserSlot } from '../../../src/gateway/tunnel/user-slot.js';
import type { Credential, Grant } from '../../../src/policy/grant.js';

const grantOf = (credential: Credential): Grant => ({
  identity: {
    user: 'alice',
    groups: [],
    targets: undefined,
    local: true,
    until: undefined,
    method: credential.mode,
    clientName: undefined,
  },
  credential,
});
const GRANT = grantOf({ mode: 'module' });

/** A quota that records its calls, and answers when the test says so. */
function newQuota() {
  const calls: string[] = [];
  let answer: (reason?: string) => void = () => undefined;
  const quota: UserQuota = {
    take: (user) => {
      calls.push(`take ${user}`);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    release: (user) => void calls.push(`release ${user}`),
    adjust: () => undefined,
  };
  return { quota, calls, answer: (reason?: string) => answer(reason) };
}

describe('the slot of a tunnel', () => {
  it('is released once', async () => {
    const { quota, calls, answer } = newQuota();
    const slot = new UserSlot(quota);
    const result = slot.take(GRANT, new AbortController().signal);
    answer();
    expect(await result).toBeUndefined();
    slot.release();
    slot.release();
    expect(calls).toEqual(['take alice', 'release alice']);
  });

  it('is not released if there was none', async () => {
    const { quota, calls, answer } = newQuota();
    const slot = new UserSlot(quota);
    slot.release();
    const result = slot.take(GRANT, new AbortController().signal);
    answer('full');
    expect(await result).toBe('full');
    slot.release();
    expect(calls).toEqual(['take alice']);
  });

  it('is given back at once, and once, if the session ended while it was taken', async () => {
    const { quota, calls, answer } = newQuota();
    const slot = new UserSlot(quota);
    const controller = new AbortController();
    const result = slot.take(GRANT, controller.signal);
    controller.abort();
    slot.release();
    expect(calls).toEqual(['take alice']);
    answer();
    await result;
    slot.release();
    expect(calls).toEqual(['take alice', 'release alice']);
  });

  it('is not needed in mode any', async () => {
    const { quota, calls } = newQuota();
    const slot = new UserSlot(quota);
    expect(await slot.take(grantOf({ mode: 'any' }), new AbortController().signal)).toBeUndefined();
    slot.release();
    expect(calls).toEqual([]);
  });
});
