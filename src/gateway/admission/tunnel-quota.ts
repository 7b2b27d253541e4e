/** The places for tunnels: how many there may be at one time, counted over every process that serves one gateway. */
export interface TunnelPlaces {
  /**
   * Takes a place for a tunnel that is about to be born: undefined, or why there is none. Never rejects.
   * INVARIANT: whoever got a place gives it back once, when nothing is left of the tunnel at its target, or it was not born after all.
   */
  take(): Promise<string | undefined>;
  /** Why `take` would give none now; undefined where there is room. What it says may be over with the next tunnel. */
  full(): Promise<string | undefined>;
  giveBack(): void;
  /** Holds from the next place on; whoever has one keeps it. */
  adjust(most: number): void;
  /** From now on nobody gets a place, for this reason. */
  close(reason: string): void;
}

export const NO_PLACE = 'limits.tunnels is reached';

/** The places of a gateway that is one process. */
export class LocalPlaces implements TunnelPlaces {
  #most: number;
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

  adjust(most: number): void {
    this.#most = most;
  }

  close(reason: string): void {
    this.#closed = reason;
  }

  #lack(): string | undefined {
    return this.#closed ?? (this.#taken < this.#most ? undefined : NO_PLACE);
  }
}

/** What newcomers need of them. */
export type NewcomersPlaces = Pick<TunnelPlaces, 'take' | 'full' | 'giveBack'>;

/** The same places, and none of them while this process is too slow for those who are in already. */
export function unlessOverloaded(places: TunnelPlaces, overloaded: () => boolean): NewcomersPlaces {
  const lack = (): string | undefined => (overloaded() ? 'limits.loopDelay is exceeded' : undefined);
  return {
    take: async () => lack() ?? places.take(),
    full: async () => lack() ?? places.full(),
    giveBack: () => places.giveBack(),
  };
}
