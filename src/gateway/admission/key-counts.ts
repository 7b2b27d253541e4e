/** How many there are of each key. A key of which there is none takes no memory. */
export class KeyCounts {
  readonly #counts = new Map<string, number>();

  get(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.get(key) + 1);
  }

  /** Returns false if there was none. */
  remove(key: string): boolean {
    const count = this.get(key);
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
    return count > 0;
  }

  entries(): Iterable<readonly [key: string, count: number]> {
    return this.#counts;
  }
}
