/** Named points in time, of which the earliest is the one to wake up for. */
export class Deadlines<Name extends string> {
  readonly #times = new Map<Name, number>();
  /** The earliest, undefined when there is none. Kept, since it is asked for with every PDU and changes with few. */
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
