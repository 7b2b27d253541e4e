import { describe, expect, it } from 'vitest';
import {
  LocalTunnelQuota,
  TUNNEL_LIMIT_REACHED,
  type TunnelQuota,
  unlessOverloaded,
} from '../../../src/gateway/admission/tunnel-quota.js';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';
import { answerSharedState, RemoteTunnelQuota } from '../../../src/serve/workers/shared-state.js';
import { rpcPair } from '../../support/site.js';
import { eventually } from '../../support/wait.js';

const limits = (tunnels: number) => ({
  tunnels,
  tunnelsPerUser: 10,
  connections: 10,
  connectionsPerAddress: 10,
  handshakes: 10,
  handshakesPerAddress: 10,
});

/** The quotas of `count` processes that share this registry. */
function remoteQuotas(registry: SharedRegistry, count: number): TunnelQuota[] {
  return Array.from({ length: count }, (_, index) => {
    const [primary, worker] = rpcPair();
    answerSharedState(primary, registry, index + 1, () => undefined);
    return new RemoteTunnelQuota(worker);
  });
}

const FORMS: readonly (readonly [string, (limit: number) => TunnelQuota])[] = [
  ['of one process', (limit) => new LocalTunnelQuota(limit)],
  ['shared by processes', (limit) => remoteQuotas(new SharedRegistry(limits(limit)), 1)[0] as TunnelQuota],
];

describe.each(FORMS)('the tunnel quota %s', (_, make) => {
  it('has as many slots as its limit, and a released slot can be taken again', async () => {
    const quota = make(2);
    expect([await quota.take(), await quota.take()]).toEqual([undefined, undefined]);
    expect([await quota.full(), await quota.take()]).toEqual([TUNNEL_LIMIT_REACHED, TUNNEL_LIMIT_REACHED]);
    quota.release();
    expect([await quota.full(), await quota.take(), await quota.take()]).toEqual([
      undefined,
      undefined,
      TUNNEL_LIMIT_REACHED,
    ]);
  });

  it('is exact for concurrent calls', async () => {
    const quota = make(3);
    const answers = await Promise.all(Array.from({ length: 10 }, () => quota.take()));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(3);
  });

  it('fails with the reason that `close` gave', async () => {
    const quota = make(1);
    quota.close('shutting down');
    expect([await quota.full(), await quota.take()]).toEqual(['shutting down', 'shutting down']);
  });
});

describe('tunnel quotas of several processes', () => {
  it('are counted together', async () => {
    const registry = new SharedRegistry(limits(3));
    const all = remoteQuotas(registry, 3);
    const answers = await Promise.all([...all, ...all, ...all].map((quota) => quota.take()));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(3);
    expect(registry.tunnels).toBe(3);
  });

  it('release the slots of a process that exited', async () => {
    const registry = new SharedRegistry(limits(2));
    const [one, other] = remoteQuotas(registry, 2) as [TunnelQuota, TunnelQuota];
    await Promise.all([one.take(), one.take()]);
    expect(await other.take()).toBe(TUNNEL_LIMIT_REACHED);
    expect(registry.removeWorker(1)).toBe(2);
    expect(await other.take()).toBeUndefined();
  });

  it('lose no slot when they close during a call', async () => {
    const registry = new SharedRegistry(limits(1));
    const [quota] = remoteQuotas(registry, 1) as [TunnelQuota];
    const result = quota.take();
    quota.close('shutting down');
    expect(await result).toBe('shutting down');
    await eventually(() => registry.tunnels === 0);
  });

  it('fail when the primary process does not answer', async () => {
    const [primary, worker] = rpcPair();
    const quota = new RemoteTunnelQuota(worker);
    primary.on('take tunnel', () => new Promise(() => undefined));
    const result = quota.take();
    worker.close();
    expect(await result).toMatch(/does not answer/);
  });
});

describe('the tunnel quota of an overloaded process', () => {
  it('has no free slot until the overload ends', async () => {
    let overloaded = true;
    const quota = unlessOverloaded(new LocalTunnelQuota(1), () => overloaded);
    const overload = 'limits.loopDelay is exceeded';
    expect([await quota.full(), await quota.take()]).toEqual([overload, overload]);
    overloaded = false;
    expect([await quota.full(), await quota.take(), await quota.take()]).toEqual([
      undefined,
      undefined,
      TUNNEL_LIMIT_REACHED,
    ]);
    quota.release();
    expect(await quota.take()).toBeUndefined();
  });
});

it('the tunnel quota of one process applies the limit of a reload to the next slot', async () => {
  const quota = new LocalTunnelQuota(1);
  await quota.take();
  quota.adjust(2);
  expect([await quota.take(), await quota.take()]).toEqual([undefined, TUNNEL_LIMIT_REACHED]);
});
