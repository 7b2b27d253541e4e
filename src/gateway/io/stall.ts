/** One way to a peer, as somebody sees it who looks from time to time: the hot path keeps two numbers and no clock. */
export interface Backlog {
  /** Bytes that wait to be taken. */
  readonly waiting: number;
  /** Bytes that were taken so far. */
  readonly taken: number;
}

/** No more than this counts from one look to the next: while a process stands still, nobody can take anything. */
const LONGEST_GAP_MS = 2_000;

/** Notices a peer that takes nothing while bytes wait for it. */
export class StallDetector {
  readonly #ms: number;
  #taken = -1;
  #looked = Number.NEGATIVE_INFINITY;
  #still = 0;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whether nothing has moved for the time given, as far as the looks so far can tell. */
  stalled({ waiting, taken }: Backlog, now: number): boolean {
    const moved = waiting === 0 || taken !== this.#taken;
    this.#still = moved ? 0 : this.#still + Math.min(now - this.#looked, LONGEST_GAP_MS);
    this.#taken = taken;
    this.#looked = now;
    return this.#still >= this.#ms;
  }
}
