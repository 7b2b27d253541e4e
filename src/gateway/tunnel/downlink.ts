/** The way to the client: PDUs in their envelopes, and how much of them the system has not taken yet. */
import { DATA_OVERHEAD, DATA_PAYLOAD, writeDataHeader } from '../../protocol/index.js';
import { BufferPool } from '../io/buffer-pool.js';
import type { Backlog } from '../io/stall.js';
import { WRITES_MAX } from '../io/write-queue.js';
import { READ_BYTES } from '../target/relay.js';
import type { Transport } from '../transport/transport.js';

/**
 * Bytes under way at which the target is read no more. Two reads keep a fast connection busy; more would be faster by a little
 * and make everybody else on this core wait for longer.
 */
export const WINDOW = 2 * READ_BYTES;

/**
 * A read that is no more than this gets a buffer of its own: in a slab it would hold much that the window does not count. Bulk comes in
 * larger ones.
 */
const SMALL = DATA_PAYLOAD;
/** Around one read: PDUs of 16 KiB, each with its header and the longest envelope (8 hexadecimal digits and two line ends). */
const SLAB = READ_BYTES + (READ_BYTES / DATA_PAYLOAD) * (DATA_OVERHEAD + 16);
/** Kept for the next burst; a gateway that sends on all its connections has more of them for that long. */
const FREE_SLABS = 64;
const slabs = new BufferPool(SLAB, FREE_SLABS);

export class Downlink implements Backlog {
  readonly #transport: Transport;
  readonly #ready: () => void;
  /** Bytes that the system has not taken yet. */
  waiting = 0;
  taken = 0;
  /** Writes that these bytes are in. */
  #writes = 0;
  #failed = false;

  /** @param ready called when there is room again after `full`; never once a write has failed */
  constructor(transport: Transport, ready: () => void) {
    this.#transport = transport;
    this.#ready = ready;
  }

  /** Whether the target should be read no more until `ready`. */
  get full(): boolean {
    return this.#failed || this.waiting >= WINDOW || this.#writes >= WRITES_MAX;
  }

  /**
   * Whether the client too should be read no more until `ready`: it asks, and takes no answer. The target alone never brings it so far,
   * so that a client which writes for a while before it reads is not taken for one that never will.
   */
  get flooded(): boolean {
    return this.waiting >= 2 * WINDOW || this.#writes >= 2 * WRITES_MAX;
  }

  /** Sends one whole PDU. */
  send(pdu: Buffer): void {
    const { envelope } = this.#transport;
    const bytes = Buffer.allocUnsafe(pdu.length + envelope.most);
    const at = envelope.before(bytes, 0, pdu.length);
    pdu.copy(bytes, at);
    this.#write(bytes.subarray(0, envelope.after(bytes, at + pdu.length)));
  }

  /**
   * Sends bytes of the target, at most READ_BYTES, as DATA PDUs of at most DATA_PAYLOAD each. They are copied once, so that headers,
   * envelopes and payload are one piece: TLS would join several pieces by a copy of its own.
   */
  carry(payload: Buffer): void {
    const small = payload.length <= SMALL;
    const slab = small
      ? Buffer.allocUnsafe(payload.length + DATA_OVERHEAD + this.#transport.envelope.most)
      : slabs.take();
    const bytes = slab.subarray(0, this.#fill(slab, payload));
    this.#write(bytes, small ? undefined : slab);
  }

  #fill(slab: Buffer, payload: Buffer): number {
    const { envelope } = this.#transport;
    let at = 0;
    for (let from = 0; from < payload.length; from += DATA_PAYLOAD) {
      const length = Math.min(DATA_PAYLOAD, payload.length - from);
      at = envelope.before(slab, at, DATA_OVERHEAD + length);
      writeDataHeader(slab, at, length);
      payload.copy(slab, at + DATA_OVERHEAD, from, from + length);
      at = envelope.after(slab, at + DATA_OVERHEAD + length);
    }
    return at;
  }

  #write(bytes: Buffer, slab?: Buffer): void {
    this.waiting += bytes.length;
    this.#writes += 1;
    this.#transport.write(bytes, (error) => {
      const wasFull = this.full;
      if (error) this.#failed = true;
      this.waiting -= bytes.length;
      this.#writes -= 1;
      this.taken += bytes.length;
      // After an error nobody can say whether the system still reads from it.
      if (slab && !error) slabs.give(slab);
      if (wasFull && !this.full) this.#ready();
    });
  }
}
