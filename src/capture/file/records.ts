/**
 * Chunks in any split become whole records. A record that lies whole in a chunk is read there, in place; only one that spans
 * chunks is copied together. One record at most is held back.
 */

/**
 * Reads what begins at `at`. Gives the number of bytes it took (those that have not come yet are skipped when they come), or
 * minus the number of bytes that must be there before it can say more, or 0 for "read no further".
 */
export type ReadRecord = (bytes: Buffer, at: number) => number;

export class Records {
  readonly #read: ReadRecord;
  /** The beginning of a record that is not whole yet. */
  #carry = Buffer.alloc(0);
  #carried = 0;
  #needed = 0;
  #skip = 0;
  #halted = false;
  /** Offset in the file of the chunk at hand. */
  #base = 0;

  constructor(read: ReadRecord) {
    this.#read = read;
  }

  /** Offset in the file of where the record begins that `read` was called for at `at`. */
  offsetOf(at: number): number {
    return this.#base + at;
  }

  /** Offset in the file of the record that is not whole, undefined when the last one ended with the bytes. */
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

  /** Takes from the chunk what the held record lacks; gives where the chunk goes on. */
  #complete(chunk: Buffer, start: number): number {
    let at = start;
    while (this.#carried > 0 && at < chunk.length && !this.#halted) {
      const lacking = Math.min(this.#needed - this.#carried, chunk.length - at);
      this.#grow(this.#needed);
      chunk.copy(this.#carry, this.#carried, at, at + lacking);
      at += lacking;
      this.#carried += lacking;
      if (this.#carried < this.#needed) break;
      // What the reader sees now begins earlier in the file than the chunk does.
      const ahead = at - this.#carried;
      this.#base += ahead;
      const taken = this.#read(this.#carry.subarray(0, this.#carried), 0);
      this.#base -= ahead;
      if (taken > 0) {
        // It asked for exactly these bytes, so it takes them all, and perhaps some that were not copied.
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

  /** Where the chunk goes on when everything before `at` is done with; the rest is skipped in later chunks. */
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
