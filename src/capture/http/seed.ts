import { looksLikePdu, PROBE_BYTES } from '../conversation/pdu-probe.js';

/**
 * MS-TSGU 3.3.5.1 specifies 100 random bytes. Windows sends 10, and every client skips exactly 10. The reader assumes
 * 10 unless the position of the first PDU shows that there were none or 100.
 */
export const SEED_BYTES = 10;
export const LONG_SEED_BYTES = 100;

export interface SeedSink {
  /** Called once, before the first PDU, with the number of bytes in front of it. */
  length(bytes: number): void;
  /** Bytes of the PDU stream. */
  tunnel(bytes: Buffer): void;
}

const EMPTY = Buffer.alloc(0);

/**
 * Strips the seed from an RDG_OUT_DATA body. It buffers little, because the gateway sends the seed long before the
 * first PDU.
 */
export class SeedReader {
  #held: Buffer = EMPTY;
  #done = false;

  /** The seed was stripped: the caller may pass all further bytes on without this reader. */
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

  /** At the end of the body or at a gap: assumes a seed of 10 bytes and passes on the buffered bytes after it. */
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
