/**
 * Stores objects as JSON in large buffers until they are read at the end. This needs a third of the memory and does not
 * burden the garbage collector.
 */

/** Size of a buffer, some hundred objects. A larger object gets its own buffer. */
const BUFFER_BYTES = 256 * 1024;

/** The position of an object. */
export interface PackedItem {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

export class PackedList<T> {
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Stores `value`, which must survive a round trip through JSON. */
  put(value: T): PackedItem {
    const text = JSON.stringify(value);
    const length = Buffer.byteLength(text);
    if (this.#buffer.length - this.#used < length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#buffer.write(text, start);
    return { buffer: this.#buffer, start, end: this.#used };
  }

  get({ buffer, start, end }: PackedItem): T {
    return JSON.parse(buffer.toString('utf8', start, end)) as T;
  }
}
