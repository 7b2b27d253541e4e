/** One log line for many events of a kind, so that a flood does not flood the log. */

/** Enough lines to see how a flood goes on. */
const INTERVAL_MS = 5_000;

/** Logs the first event at once, and what follows within 5 s as one line, with the fields of the last event. */
export class ThrottledEvent<Fields extends object> {
  readonly #write: (fields: Fields & { readonly count: number; readonly total: number }) => void;
  #latest: Fields | undefined;
  #count = 0;
  #total = 0;
  #isQuiet = false;

  /** `count` is the number of events since the last line, `total` of all so far. */
  constructor(write: (fields: Fields & { readonly count: number; readonly total: number }) => void) {
    this.#write = write;
  }

  add(fields: Fields): void {
    this.#latest = fields;
    this.#count++;
    this.#total++;
    if (!this.#isQuiet) this.#flush();
  }

  #flush(): void {
    this.#isQuiet = this.#latest !== undefined;
    if (this.#latest === undefined) return;
    this.#write({ ...this.#latest, count: this.#count, total: this.#total });
    this.#latest = undefined;
    this.#count = 0;
    setTimeout(() => this.#flush(), INTERVAL_MS).unref();
  }
}
