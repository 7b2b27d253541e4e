import { describe, expect, it } from 'vitest';
import {
  LocalTunnelQuota,
  TUNNEL_LIMIT_REACHED,
  type TunnelQuota,
  unlessOverloaded,
} from '../../../src/gateway/admission/tunnel-quota.js';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';
import { answerSharedState, RemoteTunnelQuota } from '../../../src/serve/workers/shared-state.js';
import { wires } from '../../support/site.js';
import { eventually } from '../../support/wait.js';

const limits = (tunnels: number) => ({
  tunnels,
  connections: 10,
  connectionsPerAddress: 10,
  handshakes: 10,
  handshakesPerAddress: 10,
});

/** The places of so many processes that share this ledger. */
function remotePlaces(ledger: SharedRegistry, count: number): TunnelQuota[] {
  return Array.from({ length: count }, (_, index) => {
    const [primary, worker] = wires();
    answerSharedState(primary, ledger, index + 1, () => undefined);
    return new RemoteTunnelQuota(worker);
  });
}

const FORMS: readonly (readonly [string, (most: number) => TunnelQuota])[] = [
  ['of one process', (most) => new LocalTunnelQuota(most)],
  ['shared by processes', (most) => remotePlaces(new SharedRegistry(limits(most)), 1)[0] as TunnelQuota],
];

describe.each(FORMS)('places %s', (_, make) => {
  it('are as many as there may be tunnels, and come back', async () => {
    const places = make(2);
    expect([await places.take(), await places.take()]).toEqual([undefined, undefined]);
    expect([await places.full(), await places.take()]).toEqual([TUNNEL_LIMIT_REACHED, TUNNEL_LIMIT_REACHED]);
    places.release();
    expect([await places.full(), await places.take(), await places.take()]).toEqual([
      undefined,
      undefined,
      TUNNEL_LIMIT_REACHED,
    ]);
  });

  it('are exact, however many ask at one time', async () => {
    const places = make(3);
    const answers = await Promise.all(Array.from({ length: 10 }, () => places.take()));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(3);
  });

  it('are closed for the reason that is given', async () => {
    const places = make(1);
    places.close('shutting down');
    expect([await places.full(), await places.take()]).toEqual(['shutting down', 'shutting down']);
  });
});

describe('places of several processes', () => {
  it('are counted together', async () => {
    const ledger = new SharedRegistry(limits(3));
    const all = remotePlaces(ledger, 3);
    const answers = await Promise.all([...all, ...all, ...all].map((places) => places.take()));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(3);
    expect(ledger.tunnels).toBe(3);
  });

  it('are free again when a process that had some is gone', async () => {
    const ledger = new SharedRegistry(limits(2));
    const [one, other] = remotePlaces(ledger, 2) as [TunnelQuota, TunnelQuota];
    await Promise.all([one.take(), one.take()]);
    expect(await other.take()).toBe(TUNNEL_LIMIT_REACHED);
    expect(ledger.removeWorker(1)).toBe(2);
    expect(await other.take()).toBeUndefined();
  });

  it('are not lost when they close while one is asked for', async () => {
    const ledger = new SharedRegistry(limits(1));
    const [places] = remotePlaces(ledger, 1) as [TunnelQuota];
    const asked = places.take();
    places.close('shutting down');
    expect(await asked).toBe('shutting down');
    await eventually(() => ledger.tunnels === 0);
  });

  it('are denied where nobody answers', async () => {
    const [primary, worker] = wires();
    const places = new RemoteTunnelQuota(worker);
    primary.on('take', () => new Promise(() => undefined));
    const asked = places.take();
    worker.close();
    expect(await asked).toMatch(/does not answer/);
  });
});

describe('places while this process is too slow', () => {
  it('are given to nobody, and are there again behind it', async () => {
    let overloaded = true;
    const places = unlessOverloaded(new LocalTunnelQuota(1), () => overloaded);
    const late = 'limits.loopDelay is exceeded';
    expect([await places.full(), await places.take()]).toEqual([late, late]);
    overloaded = false;
    expect([await places.full(), await places.take(), await places.take()]).toEqual([
      undefined,
      undefined,
      TUNNEL_LIMIT_REACHED,
    ]);
    places.release();
    expect(await places.take()).toBeUndefined();
  });
});

it('places of one process are as many as a reload says, from the next one on', async () => {
  const places = new LocalTunnelQuota(1);
  await places.take();
  places.adjust(2);
  expect([await places.take(), await places.take()]).toEqual([undefined, TUNNEL_LIMIT_REACHED]);
});
