/**
 * A pool of buffers of one size: allocating many large buffers keeps the garbage collector and the system's allocator
 * busy.
 */
export class BufferPool {
  readonly #bytes: number;
  readonly #limit: number;
  readonly #free: Buffer[] = [];

  /** @param limit the number of free buffers that are kept; the memory of further ones is freed */
  constructor(bytes: number, limit: number) {
    this.#bytes = bytes;
    this.#limit = limit;
  }

  /** The buffer still has the content of its last use. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** INVARIANT: the buffer is not read or written any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#limit) this.#free.push(buffer);
  }
}
