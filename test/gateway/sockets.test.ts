import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endSocket, LONGEST_LINGER_MS } from '../../src/gateway/sockets.js';

const LINGER = 5_000;
const PIECE = Buffer.alloc(1024, 7);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A socket whose peer takes a piece when it is told to. */
class Peer extends Duplex {
  readonly taken: Buffer[] = [];
  #done: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#done = () => {
      this.taken.push(chunk);
      done();
    };
  }

  async swallow(): Promise<void> {
    this.#done?.();
    await new Promise(setImmediate);
  }

  /** The peer's own words. */
  say(bytes: Buffer | null): void {
    this.push(bytes);
  }
}

function ending(pieces: number): Peer {
  const peer = new Peer();
  for (let count = 0; count < pieces; count++) peer.write(PIECE);
  endSocket(peer as unknown as Socket, LINGER);
  return peer;
}

const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await new Promise(setImmediate);
};

describe('the end of a socket', () => {
  it('waits for a peer that takes something from time to time, however long that is in all', async () => {
    const peer = ending(8);
    for (let count = 0; count < 8; count++) {
      await pass(LINGER - 1);
      expect(peer.destroyed).toBe(false);
      await peer.swallow();
    }
    expect(peer.taken).toHaveLength(8);
    expect(peer.writableFinished).toBe(true);
  });

  it('cuts a peer that takes nothing', async () => {
    const peer = ending(2);
    await pass(LINGER);
    expect([peer.destroyed, peer.taken.length]).toEqual([true, 0]);
  });

  it('cuts a peer that takes next to nothing for as long as it can', async () => {
    const peer = ending(1000);
    for (let time = 0; time <= LONGEST_LINGER_MS && !peer.destroyed; time += LINGER) {
      await peer.swallow();
      await pass(LINGER);
    }
    expect(peer.destroyed).toBe(true);
  });

  it('cuts a peer that has everything and does not go', async () => {
    const peer = ending(1);
    await peer.swallow();
    expect(peer.writableFinished).toBe(true);
    await pass(LINGER);
    expect(peer.destroyed).toBe(true);
  });

  it('reads and drops what still comes, since unread bytes would make a reset of the close', async () => {
    const peer = new Peer();
    const heard: Buffer[] = [];
    peer.on('data', (bytes) => heard.push(bytes));
    peer.pause();
    endSocket(peer as unknown as Socket, LINGER);
    peer.say(PIECE);
    peer.say(null);
    await new Promise(setImmediate);
    expect([heard.length, peer.readableEnded]).toEqual([0, true]);
  });
});
