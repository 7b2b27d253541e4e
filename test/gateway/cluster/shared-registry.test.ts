import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/gateway/cluster/shared-registry.js';

const ROOM = { tunnels: 2, connections: 9, connectionsPerAddress: 9, handshakes: 9, handshakesPerAddress: 9 };
const ledger = (): Ledger => new Ledger({ ...ROOM, handshakes: 3, handshakesPerAddress: 2 });

describe('the ledger', () => {
  it('counts strangers over all processes, in all and from one network', () => {
    const books = ledger();
    expect([books.enter(1, 'a', 'x'), books.enter(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(books.enter(2, 'b', 'x')).toBe('limits.handshakesPerAddress');
    expect([books.enter(1, 'c', 'y'), books.enter(2, 'd', 'z')]).toEqual([undefined, 'limits.handshakes']);
    // Who was not let in does not leave.
    books.leave(2, 'b');
    books.leave(2, 'd');
    expect(books.enter(2, 'e', 'z')).toBe('limits.handshakes');
    books.leave(1, 'a');
    expect(books.enter(2, 'e', 'x')).toBeUndefined();
  });

  it('counts connections over all processes, and those whose user is known among them until they are gone', () => {
    const books = new Ledger({ ...ROOM, connections: 3, connectionsPerAddress: 2, handshakes: 2 });
    expect([books.enter(1, 'a', 'x'), books.enter(2, 'a', 'x')]).toEqual([undefined, undefined]);
    expect(books.enter(1, 'b', 'y')).toBe('limits.handshakes');
    books.known(1, 'a');
    books.known(1, 'a');
    expect(books.enter(1, 'b', 'x')).toBe('limits.connectionsPerAddress');
    expect([books.enter(1, 'b', 'y'), books.enter(2, 'c', 'z')]).toEqual([undefined, 'limits.connections']);
    books.leave(1, 'a');
    books.leave(1, 'a');
    books.known(2, 'a');
    expect([books.enter(2, 'c', 'z'), books.enter(2, 'd', 'z')]).toEqual([undefined, 'limits.connections']);
  });

  it('goes by other limits from the next one on', () => {
    const books = ledger();
    for (const worker of [1, 2]) books.take(worker);
    books.enter(1, 'a', 'x');
    books.adjust({ ...ROOM, tunnels: 3, handshakes: 1 });
    expect([books.take(1), books.take(1)]).toEqual([undefined, 'limits.tunnels is reached']);
    expect(books.enter(1, 'b', 'y')).toBe('limits.handshakes');
    expect(books.places).toBe(3);
  });

  it('knows where an OUT leg waits, for the others', () => {
    const books = ledger();
    expect([books.add(1, 'leg'), books.add(1, 'leg'), books.add(2, 'leg')]).toEqual([true, false, false]);
    expect([books.find(1, 'leg'), books.find(2, 'leg'), books.find(2, 'other')]).toEqual([undefined, 1, undefined]);
    books.remove(2, 'leg');
    expect(books.find(2, 'leg')).toBe(1);
    books.remove(1, 'leg');
    expect([books.find(2, 'leg'), books.add(2, 'leg')]).toEqual([undefined, true]);
  });

  it('forgets all that a process had when it is gone, and nothing else', () => {
    const books = ledger();
    for (const worker of [1, 2]) {
      books.take(worker);
      books.add(worker, `leg ${worker}`);
      books.enter(worker, 'a', 'x');
    }
    expect(books.close(1)).toBe(1);
    expect(books.places).toBe(1);
    expect([books.find(3, 'leg 1'), books.find(3, 'leg 2')]).toEqual([undefined, 2]);
    expect([books.enter(2, 'b', 'x'), books.enter(2, 'c', 'x')]).toEqual([undefined, 'limits.handshakesPerAddress']);
  });

  it('takes back no more places than were given', () => {
    const books = ledger();
    books.take(1);
    books.giveBack(2);
    books.giveBack(1);
    books.giveBack(1);
    expect(books.places).toBe(0);
  });
});
