import { describe, expect, it } from 'vitest';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';
import { channelKey } from '../../../src/gateway/listener/channel-table.js';

const LIMITS = {
  tunnels: 2,
  tunnelsPerUser: 2,
  connections: 9,
  connectionsPerAddress: 9,
  handshakes: 9,
  handshakesPerAddress: 9,
};
const newRegistry = (): SharedRegistry => new SharedRegistry({ ...LIMITS, connectionsPerAddress: 2 });

describe('the shared registry', () => {
  /** A registry that records which connections its workers are told to end. */
  function recording(limits: Partial<typeof LIMITS>): {
    registry: SharedRegistry;
    ended: string[];
    pass: (ms: number) => void;
  } {
    let now = 0;
    const registry = new SharedRegistry({ ...LIMITS, ...limits }, () => now);
    const ended: string[] = [];
    for (const worker of [1, 2])
      registry.addWorker(worker, (name, setting) => ended.push(`${worker}${name} ${setting}`));
    const pass = (ms: number): void => {
      now += ms;
    };
    return { registry, ended, pass };
  }

  it('ends a connection without an identity of any worker for a new one', () => {
    const { registry, ended } = recording({ handshakes: 3, handshakesPerAddress: 2 });
    for (const worker of [1, 2]) registry.addConnection(worker, 'a', 'x');
    expect(registry.addConnection(2, 'b', 'x')).toBeUndefined();
    expect(ended).toEqual(['1a limits.handshakesPerAddress']);
    registry.addConnection(1, 'c', 'y');
    expect(registry.addConnection(2, 'd', 'z')).toBeUndefined();
    expect(ended.slice(1)).toEqual(['2a limits.handshakes']);
    // The workers confirm; removing what is not counted any more changes nothing.
    registry.removeConnection(1, 'a');
    registry.removeConnection(2, 'a');
    expect(registry.addConnection(2, 'e', 'z')).toBeUndefined();
    expect(ended).toHaveLength(3);
  });

  it('keeps a connection that makes progress in its worker', () => {
    const { registry, ended, pass } = recording({ handshakes: 2 });
    registry.addConnection(1, 'a', 'x');
    registry.addConnection(2, 'b', 'y');
    registry.progressed(1, 'a', 'tls');
    pass(400);
    registry.addConnection(1, 'c', 'z');
    expect(ended).toEqual(['2b limits.handshakes']);
  });

  it('counts a connection again whose user was authenticated while its worker was told to end it', () => {
    const { registry, ended } = recording({ connections: 1 });
    registry.addConnection(1, 'a', 'x');
    registry.addConnection(2, 'b', 'y');
    expect(ended).toEqual(['1a limits.connections']);
    registry.authenticated(1, 'a');
    registry.removeConnection(2, 'b');
    expect(registry.addConnection(2, 'c', 'y')).toBe('limits.connections');
    registry.removeConnection(1, 'a');
    expect(registry.addConnection(2, 'c', 'y')).toBeUndefined();
  });

  it('limits connections over all processes, authenticated ones included', () => {
    const { registry, ended } = recording({ connections: 3, connectionsPerAddress: 2 });
    registry.addConnection(1, 'a', 'x');
    registry.addConnection(2, 'a', 'x');
    for (const worker of [1, 2]) {
      registry.authenticated(worker, 'a');
      registry.authenticated(worker, 'a');
    }
    expect(registry.addConnection(1, 'b', 'x')).toBe('limits.connectionsPerAddress');
    registry.addConnection(1, 'b', 'y');
    registry.authenticated(1, 'b');
    expect(registry.addConnection(2, 'c', 'z')).toBe('limits.connections');
    registry.removeConnection(1, 'a');
    registry.removeConnection(1, 'a');
    expect(registry.addConnection(2, 'c', 'z')).toBeUndefined();
    expect(ended).toEqual([]);
  });

  it('counts the connection of a trusted proxy for the client that it speaks for', () => {
    const { registry, ended, pass } = recording({ handshakesPerAddress: 1 });
    for (const name of ['a', 'b']) registry.addConnection(1, name, undefined);
    registry.progressed(1, 'a', 'request');
    expect(registry.identify(1, 'a', '192.0.2.1')).toBeUndefined();
    expect(registry.identify(1, 'b', '192.0.2.1')).toBe('limits.handshakesPerAddress');
    expect(registry.identify(1, 'b', undefined)).toBeUndefined();
    pass(1_000);
    expect(registry.addConnection(2, 'c', '192.0.2.1')).toBeUndefined();
    expect(ended).toEqual(['1a limits.handshakesPerAddress']);
    expect(registry.identify(1, 'unknown', '192.0.2.1')).toBeUndefined();
  });

  it('applies new limits to the next tunnel and connection', () => {
    const registry = newRegistry();
    for (const worker of [1, 2]) registry.takeTunnel(worker);
    registry.addConnection(1, 'a', 'x');
    registry.authenticated(1, 'a');
    registry.adjust({ ...LIMITS, tunnels: 3, connections: 1 });
    expect([registry.takeTunnel(1), registry.takeTunnel(1)]).toEqual([undefined, 'limits.tunnels is reached']);
    expect(registry.addConnection(1, 'b', 'y')).toBe('limits.connections');
    expect(registry.tunnels).toBe(3);
  });

  it('finds an OUT channel of another process', () => {
    const registry = newRegistry();
    const key = channelKey('id', '192.0.2.1', 'address');
    expect([registry.addChannel(1, key), registry.addChannel(1, key), registry.addChannel(2, key)]).toEqual([
      true,
      false,
      false,
    ]);
    const find = (worker: number, id: string, peer: string) =>
      registry.findChannel(worker, channelKey(id, peer, 'address'));
    expect([find(1, 'id', '192.0.2.1'), find(2, 'id', '192.0.2.1'), find(2, 'other', '192.0.2.1')]).toEqual([
      'absent',
      1,
      'absent',
    ]);
    expect([find(1, 'id', '192.0.2.2'), find(2, 'id', '192.0.2.2')]).toEqual(['other address', 'other address']);
    registry.removeChannel(2, key);
    expect(find(2, 'id', '192.0.2.1')).toBe(1);
    registry.removeChannel(1, key);
    expect([find(2, 'id', '192.0.2.1'), find(2, 'id', '192.0.2.2'), registry.addChannel(2, key)]).toEqual([
      'absent',
      'absent',
      true,
    ]);
  });

  it('removes everything that a process had, and nothing else', () => {
    const registry = newRegistry();
    for (const worker of [1, 2]) {
      registry.takeTunnel(worker);
      registry.addChannel(worker, `channel ${worker}`);
      registry.addConnection(worker, 'a', 'x');
      registry.authenticated(worker, 'a');
    }
    expect(registry.removeWorker(1)).toBe(1);
    expect(registry.tunnels).toBe(1);
    expect([registry.findChannel(3, 'channel 1'), registry.findChannel(3, 'channel 2')]).toEqual(['other address', 2]);
    registry.addConnection(2, 'b', 'x');
    registry.authenticated(2, 'b');
    expect(registry.addConnection(2, 'c', 'x')).toBe('limits.connectionsPerAddress');
  });

  it('releases no more tunnels than were taken', () => {
    const registry = newRegistry();
    registry.takeTunnel(1);
    registry.releaseTunnel(2);
    registry.releaseTunnel(1);
    registry.releaseTunnel(1);
    expect(registry.tunnels).toBe(0);
  });
});
