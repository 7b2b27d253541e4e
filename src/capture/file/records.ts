/**
 * Splits a chunked byte stream into whole records. A record inside one chunk is read in place; only a record that spans
 * chunks is copied. At most one record is buffered.
 */

/**
 * Reads the record at `at` and returns
 * - a positive number: the length of the record. Bytes beyond the chunk are skipped when they arrive.
 * - a negative number: minus the number of bytes it needs before it can continue.
 * - 0: stop reading.
 */
export type ReadRecord = (bytes: Buffer, at: number) => number;

/** Calls `read` for each record of the chunks that are pushed. */
export class Records {
  readonly #read: ReadRecord;
  /** The first `#carried` bytes of an incomplete record. */
  #carry = Buffer.alloc(0);
  #carried = 0;
  #needed = 0;
  #skip = 0;
  #halted = false;
  /** File offset of the current chunk. */
  #base = 0;

  constructor(read: ReadRecord) {
    this.#read = read;
  }

  /** File offset of position `at` in the bytes of the current `read` call. */
  offsetOf(at: number): number {
    return this.#base + at;
  }

  /** File offset of the incomplete record; undefined when the bytes end with a whole record or reading has stopped. */
  get unfinished(): number | undefined {
    if (this.#halted || (this.#skip === 0 && this.#carried === 0)) return undefined;
    return this.#base - this.#carried;
  }

  push(chunk: Buffer): void {
    let at = this.#skipTo(this.#skip, chunk);
    if (this.#carried > 0) at = this.#complete(chunk, at);
    while (at < chunk.length && !this.#halted) {
      const taken = this.#read(chunk, at);
      if (taken > 0) {
        at = this.#skipTo(at + taken, chunk);
      } else if (taken < 0) {
        this.#hold(chunk, at, -taken);
        break;
      } else {
        this.#halted = true;
      }
    }
    this.#base += chunk.length;
  }

  /** Completes the buffered record from the chunk. Returns the position in the chunk after it. */
  #complete(chunk: Buffer, start: number): number {
    let at = start;
    while (this.#carried > 0 && at < chunk.length && !this.#halted) {
      const count = Math.min(this.#needed - this.#carried, chunk.length - at);
      this.#grow(this.#needed);
      chunk.copy(this.#carry, this.#carried, at, at + count);
      at += count;
      this.#carried += count;
      if (this.#carried < this.#needed) break;
      // The buffered record begins before the chunk, so #base is moved back during the call for offsetOf.
      const shift = at - this.#carried;
      this.#base += shift;
      const taken = this.#read(this.#carry.subarray(0, this.#carried), 0);
      this.#base -= shift;
      if (taken > 0) {
        // `read` asked for exactly these bytes, so it uses all of them and possibly more that were not copied.
        at = this.#skipTo(at + taken - this.#carried, chunk);
        this.#carried = 0;
      } else if (taken < 0) {
        this.#needed = -taken;
      } else {
        this.#halted = true;
      }
    }
    return at;
  }

  /** Returns `at` limited to the chunk; the excess is skipped in later chunks. */
  #skipTo(at: number, chunk: Buffer): number {
    const end = Math.min(at, chunk.length);
    this.#skip = at - end;
    return end;
  }

  #hold(chunk: Buffer, at: number, needed: number): void {
    this.#needed = needed;
    this.#carried = chunk.length - at;
    this.#grow(this.#carried);
    chunk.copy(this.#carry, 0, at);
  }

  #grow(size: number): void {
    if (this.#carry.length >= size) return;
    const larger = Buffer.allocUnsafe(size);
    this.#carry.copy(larger, 0, 0, this.#carried);
    this.#carry = larger;
  }
}
