/** Limits repeated log lines about one subject, so that a flood of connections does not flood the log. */

/** One line about one subject in this time. */
const INTERVAL_MS = 60_000;
/** Subjects that are remembered: a few hundred kilobytes. Beyond it the oldest is forgotten, which costs at most a line. */
const SUBJECTS_MAX = 1024;
/** Lines about all subjects in INTERVAL_MS: a flood may come from many addresses. */
const LINES_MAX = 60;

interface Subject {
  readonly since: number;
  suppressed: number;
}

export class LineLimit {
  /** In the order of their last line. */
  readonly #subjects = new Map<string, Subject>();
  #windowStart = Number.NEGATIVE_INFINITY;
  #lines = 0;

  /**
   * Asks for a line about a subject, such as an event and an address. Returns undefined if it is not due, else how many lines about
   * this subject were suppressed since the last one.
   *
   * @param now in milliseconds of a monotonic clock
   */
  take(subject: string, now: number): { readonly suppressed: number } | undefined {
    const known = this.#subjects.get(subject);
    if (known !== undefined && now - known.since < INTERVAL_MS) {
      known.suppressed++;
      return undefined;
    }
    if (now - this.#windowStart >= INTERVAL_MS) [this.#windowStart, this.#lines] = [now, 0];
    if (this.#lines >= LINES_MAX) return undefined;
    this.#lines++;
    this.#subjects.delete(subject);
    this.#subjects.set(subject, { since: now, suppressed: 0 });
    const [oldest] = this.#subjects.keys();
    if (this.#subjects.size > SUBJECTS_MAX && oldest !== undefined) this.#subjects.delete(oldest);
    return { suppressed: known?.suppressed ?? 0 };
  }
}
