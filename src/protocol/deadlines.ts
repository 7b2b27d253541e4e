/** Named points in time, of which the earliest is the one to wake up for. */
export class Deadlines<Name extends string> {
  readonly #times = new Map<Name, number>();

  set(name: Name, at: number): void {
    this.#times.set(name, at);
  }

  clear(...names: readonly Name[]): void {
    for (const name of names) this.#times.delete(name);
  }

  clearAll(): void {
    this.#times.clear();
  }

  due(name: Name, now: number): boolean {
    const at = this.#times.get(name);
    return at !== undefined && now >= at;
  }

  /** The earliest, undefined when there is none. */
  next(): number | undefined {
    return this.#times.size === 0 ? undefined : Math.min(...this.#times.values());
  }
}
