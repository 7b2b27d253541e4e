import { describe, expect, it } from 'vitest';
import { SharedRegistry } from '../../../src/gateway/cluster/shared-registry.js';

const ROOM = { tunnels: 2, connections: 9, connectionsPerAddress: 9, handshakes: 9, handshakesPerAddress: 9 };
const ledger = (): SharedRegistry => new SharedRegistry({ ...ROOM, handshakes: 3, handshakesPerAddress: 2 });

describe('the ledger', () => {
  it('counts strangers over all processes, in all and from one network', () => {
    const books = ledger();
    expect([books.addConnection(1, 'a', 'x'), books.addConnection(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(books.addConnection(2, 'b', 'x')).toBe('limits.handshakesPerAddress');
    expect([books.addConnection(1, 'c', 'y'), books.addConnection(2, 'd', 'z')]).toEqual([
      undefined,
      'limits.handshakes',
    ]);
    // Who was not let in does not leave.
    books.removeConnection(2, 'b');
    books.removeConnection(2, 'd');
    expect(books.addConnection(2, 'e', 'z')).toBe('limits.handshakes');
    books.removeConnection(1, 'a');
    expect(books.addConnection(2, 'e', 'x')).toBeUndefined();
  });

  it('counts connections over all processes, and those whose user is known among them until they are gone', () => {
    const books = new SharedRegistry({ ...ROOM, connections: 3, connectionsPerAddress: 2, handshakes: 2 });
    expect([books.addConnection(1, 'a', 'x'), books.addConnection(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(books.addConnection(1, 'b', 'y')).toBe('limits.handshakes');
    books.authenticated(1, 'a');
    books.authenticated(1, 'a');
    expect(books.addConnection(1, 'b', 'x')).toBe('limits.connectionsPerAddress');
    expect([books.addConnection(1, 'b', 'y'), books.addConnection(2, 'c', 'z')]).toEqual([
      undefined,
      'limits.connections',
    ]);
    books.removeConnection(1, 'a');
    books.removeConnection(1, 'a');
    books.authenticated(2, 'a');
    expect([books.addConnection(2, 'c', 'z'), books.addConnection(2, 'd', 'z')]).toEqual([
      undefined,
      'limits.connections',
    ]);
  });

  it('goes by other limits from the next one on', () => {
    const books = ledger();
    for (const worker of [1, 2]) books.takeTunnel(worker);
    books.addConnection(1, 'a', 'x');
    books.adjust({ ...ROOM, tunnels: 3, handshakes: 1 });
    expect([books.takeTunnel(1), books.takeTunnel(1)]).toEqual([undefined, 'limits.tunnels is reached']);
    expect(books.addConnection(1, 'b', 'y')).toBe('limits.handshakes');
    expect(books.tunnels).toBe(3);
  });

  it('knows where an OUT leg waits, for the others', () => {
    const books = ledger();
    expect([books.addChannel(1, 'leg'), books.addChannel(1, 'leg'), books.addChannel(2, 'leg')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([books.findChannel(1, 'leg'), books.findChannel(2, 'leg'), books.findChannel(2, 'other')]).toEqual([
      undefined,
      1,
      undefined,
    ]);
    books.removeChannel(2, 'leg');
    expect(books.findChannel(2, 'leg')).toBe(1);
    books.removeChannel(1, 'leg');
    expect([books.findChannel(2, 'leg'), books.addChannel(2, 'leg')]).toEqual([undefined, true]);
  });

  it('forgets all that a process had when it is gone, and nothing else', () => {
    const books = ledger();
    for (const worker of [1, 2]) {
      books.takeTunnel(worker);
      books.addChannel(worker, `leg ${worker}`);
      books.addConnection(worker, 'a', 'x');
    }
    expect(books.removeWorker(1)).toBe(1);
    expect(books.tunnels).toBe(1);
    expect([books.findChannel(3, 'leg 1'), books.findChannel(3, 'leg 2')]).toEqual([undefined, 2]);
    expect([books.addConnection(2, 'b', 'x'), books.addConnection(2, 'c', 'x')]).toEqual([
      undefined,
      'limits.handshakesPerAddress',
    ]);
  });

  it('takes back no more places than were given', () => {
    const books = ledger();
    books.takeTunnel(1);
    books.releaseTunnel(2);
    books.releaseTunnel(1);
    books.releaseTunnel(1);
    expect(books.tunnels).toBe(0);
  });
});
