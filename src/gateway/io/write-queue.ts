/**
 * Bytes that were written to a socket and that the system has not taken yet: limited, and sent with few system calls.
 */
import type { Socket } from 'node:net';
import type { Backlog } from './stall.js';
import { BURST_MS, batchWrites } from './write-batch.js';

/** Waiting bytes at which the caller should stop writing. */
export const WRITE_WINDOW = 64 * 1024;
/**
 * INVARIANT: every socket of a WriteQueue is opened with these options, since the socket counts the bytes. Node
 * supports the option, its type declarations lack it.
 */
export const WRITE_QUEUE_OPTIONS: object = { writableHighWaterMark: WRITE_WINDOW };
/**
 * The limit for waiting writes of any length: each is an object of some hundred bytes, and a client may send single
 * bytes.
 */
export const WRITES_MAX = 1024;
/** A waiting view keeps its whole underlying buffer alive, so a view of less than an eighth of it is copied. */
const SMALL_SHARE = 8;

export class WriteQueue implements Backlog {
  readonly #socket: Socket;
  #drained: () => void = () => undefined;
  #written = 0;
  /** Writes that wait. */
  #writes = 0;
  #wroteAt = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** `drained` is called when there is room again after `write` returned false. */
  open(drained: () => void): void {
    this.#drained = drained;
    this.#socket.on('drain', drained);
  }

  get waiting(): number {
    return this.#socket.writableLength;
  }

  get taken(): number {
    return this.#written - this.waiting;
  }

  /**
   * Returns false when the caller should wait for `drained`. The first write is sent at once, writes shortly after it
   * are batched.
   */
  write(bytes: Buffer): boolean {
    if (!this.#socket.writable) return true;
    this.#written += bytes.length;
    const now = performance.now();
    if (now - this.#wroteAt < BURST_MS) batchWrites(this.#socket);
    this.#wroteAt = now;
    this.#writes += 1;
    return this.#socket.write(copyIfSmall(bytes), this.#onWritten) && this.#writes < WRITES_MAX;
  }

  /** One function for all writes: a closure for each write would cost too much. */
  readonly #onWritten = (): void => {
    this.#writes -= 1;
    // While too many bytes wait as well, the socket's own `drain` event follows.
    if (this.#writes === WRITES_MAX - 1 && !this.#socket.writableNeedDrain) this.#drained();
  };
}

function copyIfSmall(bytes: Buffer): Buffer {
  return bytes.length * SMALL_SHARE < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
