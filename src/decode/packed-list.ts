/** Objects that are read once at the end, as JSON in large buffers: a third of their size, and nothing for the collector to walk. */

/** A buffer holds some hundred objects; one that is larger gets a buffer of its own. */
const SLAB_BYTES = 256 * 1024;

/** Where an object lies. */
export interface PackedItem {
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
}

export class PackedList<T> {
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  /** What JSON makes of `value` is kept. */
  put(value: T): PackedItem {
    const text = JSON.stringify(value);
    const length = Buffer.byteLength(text);
    if (this.#slab.length - this.#used < length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#slab.write(text, start);
    return { slab: this.#slab, start, end: this.#used };
  }

  get({ slab, start, end }: PackedItem): T {
    return JSON.parse(slab.toString('utf8', start, end)) as T;
  }
}
