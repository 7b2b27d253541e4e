/** The places for tunnels: how many there may be at one time, counted over every process that serves one gateway. */
export interface TunnelPlaces {
  /**
   * Takes a place for a tunnel that is about to be born: undefined, or why there is none. Never rejects.
   * INVARIANT: whoever got a place gives it back once, when the tunnel has ended or was not born after all.
   */
  take(): Promise<string | undefined>;
  /** Why `take` would give none now; undefined where there is room. What it says may be over with the next tunnel. */
  full(): Promise<string | undefined>;
  giveBack(): void;
  /** From now on nobody gets a place, for this reason. */
  close(reason: string): void;
}

export const NO_PLACE = 'limits.tunnels is reached';

/** The places of a gateway that is one process. */
export class LocalPlaces implements TunnelPlaces {
  readonly #most: number;
  #taken = 0;
  #closed: string | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** INVARIANT: looks and counts with nothing awaited in between. */
  async take(): Promise<string | undefined> {
    const reason = this.#lack();
    if (reason === undefined) this.#taken++;
    return reason;
  }

  async full(): Promise<string | undefined> {
    return this.#lack();
  }

  giveBack(): void {
    this.#taken--;
  }

  close(reason: string): void {
    this.#closed = reason;
  }

  #lack(): string | undefined {
    return this.#closed ?? (this.#taken < this.#most ? undefined : NO_PLACE);
  }
}
