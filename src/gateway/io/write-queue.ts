/** What is written to a socket and not yet taken by the system: bounded, and sent with few system calls. */
import type { Socket } from 'node:net';
import type { Backlog } from './stall.js';
import { BURST_MS, batchWrites } from './write-batch.js';

/** Bytes that wait, at which no more should come. */
export const WRITE_WINDOW = 64 * 1024;
/** INVARIANT: what every socket below an outlet is opened with, since the socket counts the bytes. Node knows it, its types do not. */
export const WRITE_QUEUE_OPTIONS: object = { writableHighWaterMark: WRITE_WINDOW };
/** The same for writes, however short: each that waits is an object of some hundred bytes, and a client may send byte by byte. */
export const WRITES_MAX = 1024;
/** A view that waits keeps all of its chunk from being freed: one of less than an eighth of it waits as a copy. */
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

  /** `drained` is called whenever there is room again behind a write that said there was none. */
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

  /** False asks the caller to wait for `drained`. The first bytes go out at once, what follows on their heels goes out together. */
  write(bytes: Buffer): boolean {
    if (!this.#socket.writable) return true;
    this.#written += bytes.length;
    const now = performance.now();
    if (now - this.#wroteAt < BURST_MS) batchWrites(this.#socket);
    this.#wroteAt = now;
    this.#writes += 1;
    return this.#socket.write(lean(bytes), this.#took) && this.#writes < WRITES_MAX;
  }

  /** One for all writes: a closure for each would cost more than it counts. */
  readonly #took = (): void => {
    this.#writes -= 1;
    // Where bytes are too many as well, the socket says by itself when they are not.
    if (this.#writes === WRITES_MAX - 1 && !this.#socket.writableNeedDrain) this.#drained();
  };
}

function lean(bytes: Buffer): Buffer {
  return bytes.length * SMALL_SHARE < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
