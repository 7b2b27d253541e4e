/** A rate with a burst, for each of many keys. */

/**
 * A token bucket for each key: `perSecond` events a second, and up to `burst` at once. The time is an argument, in
 * milliseconds of a monotonic clock.
 *
 * A bucket is one number, the time at which it is full again (the generic cell rate algorithm of ITU-T I.371). One that
 * is full takes no memory, so that there are at most as many as events in the time that a bucket needs to fill.
 */
export class Rate {
  #interval = 0;
  #tolerance = 0;
  /** In the order of the last `take`. */
  readonly #fullAt = new Map<string, number>();

  constructor(perSecond: number, burst: number) {
    this.adjust(perSecond, burst);
  }

  adjust(perSecond: number, burst: number): void {
    this.#interval = 1000 / perSecond;
    this.#tolerance = this.#interval * Math.max(1, burst);
  }

  /** Number of buckets that are not full, or were not when they were last looked at. */
  get size(): number {
    return this.#fullAt.size;
  }

  allows(key: string, now: number): boolean {
    return this.#afterOneMore(key, now) <= now + this.#tolerance;
  }

  take(key: string, now: number): void {
    const fullAt = this.#afterOneMore(key, now);
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    for (const [oldest, full] of this.#fullAt) {
      if (full > now) return;
      this.#fullAt.delete(oldest);
    }
  }

  #afterOneMore(key: string, now: number): number {
    return Math.max(this.#fullAt.get(key) ?? now, now) + this.#interval;
  }
}
