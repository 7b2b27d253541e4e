/** One direction to a peer, for periodic checks: the hot path keeps two numbers and reads no clock. */
export interface Backlog {
  /** Bytes that the peer has not taken yet. */
  readonly waiting: number;
  /** Total of the bytes that the peer has taken. */
  readonly taken: number;
}

/** The most that counts between two checks: while this process is blocked, no peer can take anything from it. */
const LONGEST_GAP_MS = 2_000;

/** Detects a peer that takes nothing while bytes wait for it. */
export class StallDetector {
  readonly #ms: number;
  #taken = -1;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #stalledMs = 0;

  /** @param ms the time without progress after which the peer has stalled */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whether the peer has taken nothing for the given time, as far as the checks so far show. */
  stalled({ waiting, taken }: Backlog, now: number): boolean {
    const moved = waiting === 0 || taken !== this.#taken;
    this.#stalledMs = moved ? 0 : this.#stalledMs + Math.min(now - this.#checkedAt, LONGEST_GAP_MS);
    this.#taken = taken;
    this.#checkedAt = now;
    return this.#stalledMs >= this.#ms;
  }
}
