/** At once would be a loop that eats a core where the cause lasts; people hardly notice half a second. */
const FIRST_MS = 500;
/** A cause that somebody has mended should not keep a core idle for longer. */
const LONGEST_MS = 30_000;
/** Who lived that long did not die of its start. */
const STEADY_MS = 60_000;

/** How long to wait before a worker is replaced: twice as long each time that it lived but a short while. */
export class Backoff {
  #next = FIRST_MS;

  /** Milliseconds until the next start, behind a life of so many. */
  after(livedMs: number): number {
    if (livedMs >= STEADY_MS) this.#next = FIRST_MS;
    const delay = this.#next;
    this.#next = Math.min(2 * delay, LONGEST_MS);
    return delay;
  }
}
