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

/** A socket that hands all that waits to the system in one piece, as Node's do, when it is told to. */
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

  async swallow(): Promise<void> {
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

const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await new Promise(setImmediate);
};

describe('the end of a socket', () => {
  it('waits for a slow peer to take what was written, then for it to go', async () => {
    const peer = ending(8);
    await pass(LINGER * 2);
    await peer.swallow();
    await pass(LINGER * 2);
    await peer.swallow();
    expect(peer.taken).toBe(8 * PIECE.length);
    await pass(LINGER - 1);
    expect(peer.destroyed).toBe(false);
    await pass(1);
    expect(peer.destroyed).toBe(true);
  });

  it.each([LINGER, 60_000])('cuts a peer that takes nothing, with %i ms to go', async (linger) => {
    const peer = ending(2, linger);
    await pass(Math.max(linger, LONGEST_LINGER_MS) - 1);
    expect(peer.destroyed).toBe(false);
    await pass(1);
    expect([peer.destroyed, peer.taken]).toEqual([true, 0]);
  });

  it('cuts a peer that takes the last of it late at the same time', async () => {
    const peer = ending(1);
    await pass(LONGEST_LINGER_MS - 1);
    await peer.swallow();
    await pass(1);
    expect(peer.destroyed).toBe(true);
  });

  it('cuts a peer that has everything and does not go', async () => {
    const peer = ending(0);
    await pass(LINGER - 1);
    expect(peer.destroyed).toBe(false);
    await pass(1);
    expect(peer.destroyed).toBe(true);
  });

  it('is at once for a peer that goes', async () => {
    const peer = ending(0);
    peer.destroy();
    await pass(0);
  });

  it('reads and drops what still comes, since unread bytes would make a reset of the close', async () => {
    const peer = new Peer();
    const heard: Buffer[] = [];
    peer.on('data', (bytes) => heard.push(bytes));
    peer.pause();
    endSocket(peer as unknown as Socket, LINGER);
    peer.push(PIECE);
    peer.push(null);
    await pass(0);
    expect([heard.length, peer.readableEnded]).toEqual([0, true]);
  });

  it('cuts a peer that goes on sending without end', async () => {
    const peer = ending(0);
    const piece = Buffer.alloc(LINGER_BYTES / 16);
    for (let count = 0; count < 16; count++) peer.push(piece);
    await pass(0);
    expect(peer.destroyed).toBe(false);
    peer.push(PIECE);
    await pass(0);
    expect(peer.destroyed).toBe(true);
  });
});
