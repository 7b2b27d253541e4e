/**
 * Joins payload ranges of one buffer in place, overwriting the framing between them. Moving memory is cheaper than one
 * object, and later one system call, per range.
 */
export class Joined {
  readonly #bytes: Buffer;
  #start = 0;
  #end = 0;

  /** @param bytes buffer that only the caller uses; its content is overwritten */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Appends the range `from` to `to`. Ranges must be added in ascending order and must not overlap. */
  add(from: number, to: number): void {
    if (from === to) return;
    // The first range is not moved, because often it is the only one.
    if (this.#start === this.#end) this.#start = this.#end = from;
    else if (this.#end !== from) this.#bytes.copyWithin(this.#end, from, to);
    this.#end += to - from;
  }

  /** Returns the joined bytes as a view. The next range added starts a new result. */
  take(): Buffer {
    const joined = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return joined;
  }
}
