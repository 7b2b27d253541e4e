/** A set of named deadlines, in milliseconds; `next` is the earliest of them. */
export class Deadlines<Name extends string> {
  readonly #times = new Map<Name, number>();
  /** The earliest deadline, undefined without one. Cached because it is read for every PDU and rarely changes. */
  #next: number | undefined;

  set(name: Name, at: number): void {
    this.#times.set(name, at);
    this.#findNext();
  }

  clear(...names: readonly Name[]): void {
    for (const name of names) this.#times.delete(name);
    this.#findNext();
  }

  clearAll(): void {
    this.#times.clear();
    this.#findNext();
  }

  due(name: Name, now: number): boolean {
    const at = this.#times.get(name);
    return at !== undefined && now >= at;
  }

  get next(): number | undefined {
    return this.#next;
  }

  #findNext(): void {
    this.#next = this.#times.size === 0 ? undefined : Math.min(...this.#times.values());
  }
}
