/**
 * Limits log lines that a client can cause at will: those of one subject tell their number with the next one. An event
 * of which only the number matters, for all clients together, is a `ThrottledEvent`.
 */

/** Misconfigured clients and proxies try again and again, and scanners all day. One line a minute tells as much. */
const INTERVAL_MS = 60_000;
/**
 * Number of subjects with a time of their own, about 100 bytes each. A flood from more addresses than that fills the
 * table; lines about all further subjects then share one entry, so that the log stays as short.
 */
export const SUBJECTS_MAX = 1000;
const ALL_OTHERS = '';

interface Entry {
  readonly until: number;
  suppressed: number;
}

export class LineLimit {
  readonly #now: () => number;
  /** In the order of their last line, so that those whose time is over come first. */
  readonly #entries = new Map<string, Entry>();

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Decides on a line. Returns how many with its subject were suppressed since the last one, or undefined when this one
   * is to be suppressed too.
   */
  take(subject: string): number | undefined {
    const now = this.#now();
    const name = this.#hasPlaceFor(subject, now) ? subject : ALL_OTHERS;
    const entry = this.#entries.get(name);
    if (entry !== undefined && entry.until > now) {
      entry.suppressed++;
      return undefined;
    }
    this.#entries.delete(name);
    this.#entries.set(name, { until: now + INTERVAL_MS, suppressed: 0 });
    return entry?.suppressed ?? 0;
  }

  #hasPlaceFor(subject: string, now: number): boolean {
    if (this.#entries.has(subject) || this.#entries.size < SUBJECTS_MAX) return true;
    for (const [name, { until }] of this.#entries) {
      if (until > now) break;
      this.#entries.delete(name);
    }
    return this.#entries.size < SUBJECTS_MAX;
  }
}
