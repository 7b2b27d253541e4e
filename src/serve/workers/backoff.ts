/** An immediate restart would use up a core while the cause of the crash lasts; people hardly notice half a second. */
const FIRST_MS = 500;
/** Longer delays would leave a core unused after the cause is fixed. */
const LONGEST_MS = 30_000;
/** A worker that ran this long did not crash because of its start. */
const STABLE_MS = 60_000;

/**
 * How long to wait before a worker is replaced. The delay doubles each time that a worker ran only for a short time.
 */
export class Backoff {
  #next = FIRST_MS;

  /** Milliseconds until the next start, after a worker that ran for `uptimeMs`. */
  after(uptimeMs: number): number {
    if (uptimeMs >= STABLE_MS) this.#next = FIRST_MS;
    const delay = this.#next;
    this.#next = Math.min(2 * delay, LONGEST_MS);
    return delay;
  }
}
