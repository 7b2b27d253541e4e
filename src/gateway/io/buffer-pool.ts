/** Buffers of one size that are used again: a stream of large ones would keep the garbage collector and the system busy. */
export class BufferPool {
  readonly #bytes: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** @param most that are kept while nobody uses them; memory for more than this goes back */
  constructor(bytes: number, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** With the content of its last use. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** INVARIANT: nobody else still reads or writes it. */
  give(slab: Buffer): void {
    if (this.#free.length < this.#most) this.#free.push(slab);
  }
}
