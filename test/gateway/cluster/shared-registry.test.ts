import { describe, expect, it } from 'vitest';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';

const LIMITS = {
  tunnels: 2,
  tunnelsPerUser: 2,
  connections: 9,
  connectionsPerAddress: 9,
  handshakes: 9,
  handshakesPerAddress: 9,
};
const newRegistry = (): SharedRegistry => new SharedRegistry({ ...LIMITS, handshakes: 3, handshakesPerAddress: 2 });

describe('the shared registry', () => {
  it('limits unauthenticated connections over all processes, in total and for one network', () => {
    const registry = newRegistry();
    expect([registry.addConnection(1, 'a', 'x'), registry.addConnection(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(registry.addConnection(2, 'b', 'x')).toBe('limits.handshakesPerAddress');
    expect([registry.addConnection(1, 'c', 'y'), registry.addConnection(2, 'd', 'z')]).toEqual([
      undefined,
      'limits.handshakes',
    ]);
    // Removing a connection that was not counted changes nothing.
    registry.removeConnection(2, 'b');
    registry.removeConnection(2, 'd');
    expect(registry.addConnection(2, 'e', 'z')).toBe('limits.handshakes');
    registry.removeConnection(1, 'a');
    expect(registry.addConnection(2, 'e', 'x')).toBeUndefined();
  });

  it('limits connections over all processes, authenticated ones included', () => {
    const registry = new SharedRegistry({ ...LIMITS, connections: 3, connectionsPerAddress: 2, handshakes: 2 });
    expect([registry.addConnection(1, 'a', 'x'), registry.addConnection(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(registry.addConnection(1, 'b', 'y')).toBe('limits.handshakes');
    registry.authenticated(1, 'a');
    registry.authenticated(1, 'a');
    expect(registry.addConnection(1, 'b', 'x')).toBe('limits.connectionsPerAddress');
    expect([registry.addConnection(1, 'b', 'y'), registry.addConnection(2, 'c', 'z')]).toEqual([
      undefined,
      'limits.connections',
    ]);
    registry.removeConnection(1, 'a');
    registry.removeConnection(1, 'a');
    registry.authenticated(2, 'a');
    expect([registry.addConnection(2, 'c', 'z'), registry.addConnection(2, 'd', 'z')]).toEqual([
      undefined,
      'limits.connections',
    ]);
  });

  it('applies new limits to the next tunnel and connection', () => {
    const registry = newRegistry();
    for (const worker of [1, 2]) registry.takeTunnel(worker);
    registry.addConnection(1, 'a', 'x');
    registry.adjust({ ...LIMITS, tunnels: 3, handshakes: 1 });
    expect([registry.takeTunnel(1), registry.takeTunnel(1)]).toEqual([undefined, 'limits.tunnels is reached']);
    expect(registry.addConnection(1, 'b', 'y')).toBe('limits.handshakes');
    expect(registry.tunnels).toBe(3);
  });

  it('finds an OUT channel of another process', () => {
    const registry = newRegistry();
    expect([
      registry.addChannel(1, 'channel'),
      registry.addChannel(1, 'channel'),
      registry.addChannel(2, 'channel'),
    ]).toEqual([true, false, false]);
    expect([
      registry.findChannel(1, 'channel'),
      registry.findChannel(2, 'channel'),
      registry.findChannel(2, 'other'),
    ]).toEqual([undefined, 1, undefined]);
    registry.removeChannel(2, 'channel');
    expect(registry.findChannel(2, 'channel')).toBe(1);
    registry.removeChannel(1, 'channel');
    expect([registry.findChannel(2, 'channel'), registry.addChannel(2, 'channel')]).toEqual([undefined, true]);
  });

  it('removes everything that a process had, and nothing else', () => {
    const registry = newRegistry();
    for (const worker of [1, 2]) {
      registry.takeTunnel(worker);
      registry.addChannel(worker, `channel ${worker}`);
      registry.addConnection(worker, 'a', 'x');
    }
    expect(registry.removeWorker(1)).toBe(1);
    expect(registry.tunnels).toBe(1);
    expect([registry.findChannel(3, 'channel 1'), registry.findChannel(3, 'channel 2')]).toEqual([undefined, 2]);
    expect([registry.addConnection(2, 'b', 'x'), registry.addConnection(2, 'c', 'x')]).toEqual([
      undefined,
      'limits.handshakesPerAddress',
    ]);
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
