import { looksLikePdu, PROBE_BYTES } from '../conversation/pdu-probe.js';

/**
 * MS-TSGU 3.3.5.1 speaks of 100 bytes; Windows sends 10, and every client skips exactly 10. We take 10, unless what follows
 * shows that there were none or a hundred.
 */
export const SEED_BYTES = 10;
export const LONG_SEED_BYTES = 100;

export interface SeedSink {
  /** How many bytes stood in front of the first PDU; told before that PDU, once. */
  length(bytes: number): void;
  tunnel(bytes: Buffer): void;
}

const EMPTY = Buffer.alloc(0);

/** Takes the random bytes off the front of an RDG_OUT_DATA body. They come long before the first PDU, so little is held. */
export class SeedReader {
  #held: Buffer = EMPTY;
  #done = false;

  /** The seed is over: all that follows is tunnel, without coming through here. */
  get done(): boolean {
    return this.#done;
  }

  push(bytes: Buffer, sink: SeedSink): void {
    if (this.#done) {
      sink.tunnel(bytes);
      return;
    }
    this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    const held = this.#held;
    if (held.length < SEED_BYTES) return;
    if (looksLikePdu(held, 0)) return this.#finish(0, sink);
    const after = looksLikePdu(held, SEED_BYTES);
    if (after === undefined) return;
    if (after) return this.#finish(SEED_BYTES, sink);
    const afterLong = looksLikePdu(held, LONG_SEED_BYTES);
    if (afterLong) return this.#finish(LONG_SEED_BYTES, sink);
    if (afterLong === false || held.length >= LONG_SEED_BYTES + PROBE_BYTES) this.#finish(SEED_BYTES, sink);
  }

  /** No more comes, or a gap does: what was held back goes out as it would have after 10 bytes. */
  flush(sink: SeedSink): void {
    if (this.#done) return;
    this.#finish(SEED_BYTES, sink);
  }

  #finish(length: number, sink: SeedSink): void {
    const rest = this.#held.subarray(length);
    this.#held = EMPTY;
    this.#done = true;
    sink.length(length);
    if (rest.length > 0) sink.tunnel(rest);
  }
}
