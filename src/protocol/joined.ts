/**
 * Pieces of one buffer, in order, moved together in place: what framing stood between them is overwritten. A memory move is
 * cheaper than an object, and later a system call, for every piece.
 */
export class Joined {
  readonly #bytes: Buffer;
  #start = 0;
  #end = 0;

  /** @param bytes the caller's alone: its content is moved */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Takes the next piece. Pieces come in the order in which they stand, and do not overlap. */
  add(from: number, to: number): void {
    if (from === to) return;
    // The first piece stays where it is: often there is no other.
    if (this.#start === this.#end) this.#start = this.#end = from;
    else if (this.#end !== from) this.#bytes.copyWithin(this.#end, from, to);
    this.#end += to - from;
  }

  /** What was taken so far, as a view; the next piece begins anew behind it. */
  take(): Buffer {
    const joined = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return joined;
  }
}
