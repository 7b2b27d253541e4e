/** The direction to the client: PDUs in their envelopes, and the bytes that the system has not taken yet. */
import { DATA_OVERHEAD, DATA_PAYLOAD, writeDataHeader } from '../../protocol/index.js';
import { BufferPool } from '../io/buffer-pool.js';
import type { Backlog } from '../io/stall.js';
import { WRITES_MAX } from '../io/write-queue.js';
import { READ_BYTES } from '../target/relay.js';
import type { Transport } from '../transport/transport.js';

/**
 * Waiting bytes at which reading from the target pauses. Two reads keep a fast connection busy; a larger window is
 * slightly faster, but delays the other sessions on the same core.
 */
export const WINDOW = 2 * READ_BYTES;

/**
 * A read of at most this size gets a buffer of its own: a pooled buffer would hold much more memory than the window
 * counts. Bulk data arrives in larger reads.
 */
const SMALL = DATA_PAYLOAD;
/**
 * Room for one read as PDUs of 16 KiB, each with its header and the longest envelope (8 hexadecimal digits and two line
 * ends).
 */
const POOLED_BYTES = READ_BYTES + (READ_BYTES / DATA_PAYLOAD) * (DATA_OVERHEAD + 16);
/** Free buffers that are kept for the next burst. More than these may be in use at the same time. */
const FREE_BUFFERS = 64;
const pool = new BufferPool(POOLED_BYTES, FREE_BUFFERS);

export class Downlink implements Backlog {
  readonly #transport: Transport;
  readonly #ready: () => void;
  /** Bytes that the system has not taken yet. */
  waiting = 0;
  taken = 0;
  /** Number of writes that hold these bytes. */
  #writes = 0;
  #failed = false;

  /** @param ready called when `full` becomes false again; never after a write has failed */
  constructor(transport: Transport, ready: () => void) {
    this.#transport = transport;
    this.#ready = ready;
  }

  /** Whether reading from the target should pause until `ready`. */
  get full(): boolean {
    return this.#failed || this.waiting >= WINDOW || this.#writes >= WRITES_MAX;
  }

  /**
   * Whether reading from the client should pause as well until `ready`: the client sends requests and takes no answers.
   * Data from the target alone never reaches this limit, so a client that writes for a while before it reads is not
   * affected.
   */
  get overfull(): boolean {
    return this.waiting >= 2 * WINDOW || this.#writes >= 2 * WRITES_MAX;
  }

  /** Sends one whole PDU. */
  send(pdu: Buffer): void {
    const { envelope } = this.#transport;
    const bytes = Buffer.allocUnsafe(pdu.length + envelope.maxOverhead);
    const at = envelope.writePrefix(bytes, 0, pdu.length);
    pdu.copy(bytes, at);
    this.#write(bytes.subarray(0, envelope.writeSuffix(bytes, at + pdu.length)));
  }

  /**
   * Sends bytes of the target, at most READ_BYTES, as DATA PDUs of at most DATA_PAYLOAD bytes. They are copied once
   * into one buffer with headers and envelopes: given several buffers, TLS would copy them together itself.
   */
  sendData(payload: Buffer): void {
    const small = payload.length <= SMALL;
    const buffer = small
      ? Buffer.allocUnsafe(payload.length + DATA_OVERHEAD + this.#transport.envelope.maxOverhead)
      : pool.take();
    const bytes = buffer.subarray(0, this.#fill(buffer, payload));
    this.#write(bytes, small ? undefined : buffer);
  }

  #fill(buffer: Buffer, payload: Buffer): number {
    const { envelope } = this.#transport;
    let at = 0;
    for (let from = 0; from < payload.length; from += DATA_PAYLOAD) {
      const length = Math.min(DATA_PAYLOAD, payload.length - from);
      at = envelope.writePrefix(buffer, at, DATA_OVERHEAD + length);
      writeDataHeader(buffer, at, length);
      payload.copy(buffer, at + DATA_OVERHEAD, from, from + length);
      at = envelope.writeSuffix(buffer, at + DATA_OVERHEAD + length);
    }
    return at;
  }

  #write(bytes: Buffer, pooled?: Buffer): void {
    this.waiting += bytes.length;
    this.#writes += 1;
    this.#transport.write(bytes, (error) => {
      const wasFull = this.full;
      if (error) this.#failed = true;
      this.waiting -= bytes.length;
      this.#writes -= 1;
      this.taken += bytes.length;
      // After an error the system may still read from the buffer, so it does not return to the pool.
      if (pooled && !error) pool.give(pooled);
      if (wasFull && !this.full) this.#ready();
    });
  }
}
