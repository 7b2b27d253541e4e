import { describe, expect, it } from 'vitest';
import { schema } from '../../../src/config/schema.js';
import { LocalUserQuota, USER_LIMIT_REACHED, type UserQuota } from '../../../src/gateway/admission/user-quota.js';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';
import { answerSharedState, userQuotaOver } from '../../../src/serve/workers/shared-state.js';
import { rpcPair } from '../../support/site.js';
import { eventually } from '../../support/wait.js';

const limits = (tunnelsPerUser: number) => ({ ...schema.parse({}).limits, tunnelsPerUser });

/** The quotas of `count` processes that share this registry. */
function remoteQuotas(registry: SharedRegistry, count: number): UserQuota[] {
  return Array.from({ length: count }, (_, index) => {
    const [primary, worker] = rpcPair();
    answerSharedState(primary, registry, index + 1, () => undefined);
    return userQuotaOver(worker);
  });
}

const FORMS: readonly (readonly [string, (limit: number) => UserQuota])[] = [
  ['of one process', (limit) => new LocalUserQuota(limit)],
  ['shared by processes', (limit) => remoteQuotas(new SharedRegistry(limits(limit)), 1)[0] as UserQuota],
];

describe.each(FORMS)('the user quota %s', (_, make) => {
  it('has as many slots for each user as its limit, and a released slot can be taken again', async () => {
    const quota = make(2);
    expect([await quota.take('alice'), await quota.take('alice'), await quota.take('alice')]).toEqual([
      undefined,
      undefined,
      USER_LIMIT_REACHED,
    ]);
    expect(await quota.take('bob')).toBeUndefined();
    quota.release('alice');
    expect([await quota.take('alice'), await quota.take('alice')]).toEqual([undefined, USER_LIMIT_REACHED]);
  });

  it.each([
    ['CORP\\Alice', 'corp\\ALICE'],
    ['Jürgen', 'JU\u0308RGEN'],
  ])('counts %j and %j as one user', async (one, other) => {
    const quota = make(1);
    expect([await quota.take(one), await quota.take(other)]).toEqual([undefined, USER_LIMIT_REACHED]);
    quota.release(one);
    expect(await quota.take(other)).toBeUndefined();
  });

  it.each(['__proto__', 'constructor', 'toString'])('counts the user %s like any other', async (user) => {
    const quota = make(1);
    expect([await quota.take(user), await quota.take(user)]).toEqual([undefined, USER_LIMIT_REACHED]);
  });

  it('is exact for concurrent calls', async () => {
    const quota = make(3);
    const answers = await Promise.all(Array.from({ length: 10 }, () => quota.take('alice')));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(3);
  });
});

describe('user quotas of several processes', () => {
  it('are counted together', async () => {
    const registry = new SharedRegistry(limits(4));
    const all = remoteQuotas(registry, 3);
    const answers = await Promise.all([...all, ...all, ...all].map((quota) => quota.take('alice')));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(4);
  });

  it('release the slots of a process that exited, and no others', async () => {
    const registry = new SharedRegistry(limits(3));
    const [one, other] = remoteQuotas(registry, 2) as [UserQuota, UserQuota];
    await Promise.all([one.take('alice'), one.take('Alice'), other.take('alice')]);
    expect(await other.take('alice')).toBe(USER_LIMIT_REACHED);
    registry.removeWorker(1);
    expect([await other.take('alice'), await other.take('alice'), await other.take('alice')]).toEqual([
      undefined,
      undefined,
      USER_LIMIT_REACHED,
    ]);
  });

  it('refuse when the primary process does not answer', async () => {
    const [primary, worker] = rpcPair();
    primary.on('take user tunnel', () => new Promise(() => undefined));
    const result = userQuotaOver(worker).take('alice');
    worker.close();
    expect(await result).toMatch(/does not answer/);
  });

  it('give back a slot that was granted after the time limit', async () => {
    const registry = new SharedRegistry(limits(1));
    const [primary, worker] = rpcPair();
    answerSharedState(primary, registry, 1, () => undefined);
    let grant: () => void = () => undefined;
    primary.on('take user tunnel', async (user: string) => {
      await new Promise<void>((resolve) => {
        grant = resolve;
      });
      return registry.takeUserTunnel(1, user);
    });
    const slow = { call: worker.call.bind(worker), notify: worker.notify.bind(worker) } as typeof worker;
    slow.call = (name, body, options) => worker.call(name, body, { ...options, timeoutMs: 1 });
    expect(await userQuotaOver(slow).take('alice')).toMatch(/does not answer/);
    grant();
    await eventually(() => registry.takeUserTunnel(2, 'alice') === undefined);
  });

  it('apply the limit of a reload to the next slot', async () => {
    const registry = new SharedRegistry(limits(1));
    const [quota] = remoteQuotas(registry, 1) as [UserQuota];
    await quota.take('alice');
    registry.adjust(limits(2));
    expect([await quota.take('alice'), await quota.take('alice')]).toEqual([undefined, USER_LIMIT_REACHED]);
  });
});

it('the registry releases no more slots of a user than were taken', () => {
  const registry = new SharedRegistry(limits(1));
  registry.takeUserTunnel(1, 'alice');
  registry.releaseUserTunnel(2, 'alice');
  expect(registry.takeUserTunnel(2, 'alice')).toBe(USER_LIMIT_REACHED);
  registry.releaseUserTunnel(1, 'alice');
  registry.releaseUserTunnel(1, 'alice');
  expect([registry.takeUserTunnel(2, 'alice'), registry.takeUserTunnel(1, 'alice')]).toEqual([
    undefined,
    USER_LIMIT_REACHED,
  ]);
});

it('the user quota of one process applies the limit of a reload to the next slot', async () => {
  const quota = new LocalUserQuota(1);
  await quota.take('alice');
  quota.adjust(2);
  expect([await quota.take('alice'), await quota.take('alice')]).toEqual([undefined, USER_LIMIT_REACHED]);
});
