import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endSocket, LINGER_BYTES, LONGEST_LINGER_MS } from '../../../src/gateway/io/sockets.js';

const LINGER = 5_000;
const PIECE = Buffer.alloc(1024, 7);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/**
 * A socket that passes all waiting bytes to the system in one write, as Node's sockets do, when `takeAll` is called.
 */
class Peer extends Duplex {
  taken = 0;
  #done: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#done = () => {
      this.taken += chunk.length;
      done();
    };
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#done = () => {
      for (const { chunk } of chunks) this.taken += chunk.length;
      done();
    };
  }

  async takeAll(): Promise<void> {
    this.#done?.();
    await new Promise(setImmediate);
  }
}

function ending(pieces: number, linger = LINGER): Peer {
  const peer = new Peer();
  for (let count = 0; count < pieces; count++) peer.write(PIECE);
  endSocket(peer as unknown as Socket, linger);
  return peer;
}

const advance = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await new Promise(setImmediate);
};

describe('the end of a socket', () => {
  it('waits until a slow peer has taken the written bytes, then until it closes', async () => {
    const peer = ending(8);
    await advance(LINGER * 2);
    await peer.takeAll();
    await advance(LINGER * 2);
    await peer.takeAll();
    expect(peer.taken).toBe(8 * PIECE.length);
    await advance(LINGER - 1);
    expect(peer.destroyed).toBe(false);
    await advance(1);
    expect(peer.destroyed).toBe(true);
  });

  it.each([LINGER, 60_000])('cuts a peer that takes nothing, with a linger time of %i ms', async (linger) => {
    const peer = ending(2, linger);
    await advance(Math.max(linger, LONGEST_LINGER_MS) - 1);
    expect(peer.destroyed).toBe(false);
    await advance(1);
    expect([peer.destroyed, peer.taken]).toEqual([true, 0]);
  });

  it('cuts a peer that takes the last bytes late after the same time', async () => {
    const peer = ending(1);
    await advance(LONGEST_LINGER_MS - 1);
    await peer.takeAll();
    await advance(1);
    expect(peer.destroyed).toBe(true);
  });

  it('cuts a peer that has taken everything and does not close', async () => {
    const peer = ending(0);
    await advance(LINGER - 1);
    expect(peer.destroyed).toBe(false);
    await advance(1);
    expect(peer.destroyed).toBe(true);
  });

  it('is complete at once for a peer that closes', async () => {
    const peer = ending(0);
    peer.destroy();
    await advance(0);
  });

  it('reads and discards further bytes, since unread bytes would turn the close into a reset', async () => {
    const peer = new Peer();
    const received: Buffer[] = [];
    peer.on('data', (bytes) => received.push(bytes));
    peer.pause();
    endSocket(peer as unknown as Socket, LINGER);
    peer.push(PIECE);
    peer.push(null);
    await advance(0);
    expect([received.length, peer.readableEnded]).toEqual([0, true]);
  });

  it('cuts a peer that keeps sending', async () => {
    const peer = ending(0);
    const piece = Buffer.alloc(LINGER_BYTES / 16);
    for (let count = 0; count < 16; count++) peer.push(piece);
    await advance(0);
    expect(peer.destroyed).toBe(false);
    peer.push(PIECE);
    await advance(0);
    expect(peer.destroyed).toBe(true);
  });
});
