/** One way to a peer, as somebody sees it who looks from time to time: the hot path keeps two numbers and no clock. */
export interface Backlog {
  /** Bytes that wait to be taken. */
  readonly waiting: number;
  /** Bytes that were taken so far. */
  readonly taken: number;
}

/** Notices a peer that takes nothing while bytes wait for it. */
export class Patience {
  readonly #ms: number;
  #taken = -1;
  #since = 0;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whether nothing has moved for the time given, as far as the looks so far can tell. */
  ended({ waiting, taken }: Backlog, now: number): boolean {
    if (waiting === 0 || taken !== this.#taken) {
      this.#taken = taken;
      this.#since = now;
    }
    return now - this.#since >= this.#ms;
  }
}
