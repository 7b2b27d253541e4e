/** The places for tunnels: how many there may be at one time, counted over every process that serves one gateway. */
export interface TunnelQuota {
  /**
   * Takes a place for a tunnel that is about to be born: undefined, or why there is none. Never rejects.
   * INVARIANT: whoever got a place gives it back once, when nothing is left of the tunnel at its target, or it was not born after all.
   */
  take(): Promise<string | undefined>;
  /** Why `take` would give none now; undefined where there is room. What it says may be over with the next tunnel. */
  full(): Promise<string | undefined>;
  release(): void;
  /** Holds from the next place on; whoever has one keeps it. */
  adjust(most: number): void;
  /** From now on nobody gets a place, for this reason. */
  close(reason: string): void;
}

export const TUNNEL_LIMIT_REACHED = 'limits.tunnels is reached';

/** The places of a gateway that is one process. */
export class LocalTunnelQuota implements TunnelQuota {
  #most: number;
  #taken = 0;
  #closed: string | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** INVARIANT: looks and counts with nothing awaited in between. */
  async take(): Promise<string | undefined> {
    const reason = this.#reasonAgainst();
    if (reason === undefined) this.#taken++;
    return reason;
  }

  async full(): Promise<string | undefined> {
    return this.#reasonAgainst();
  }

  release(): void {
    this.#taken--;
  }

  adjust(most: number): void {
    this.#most = most;
  }

  close(reason: string): void {
    this.#closed = reason;
  }

  #reasonAgainst(): string | undefined {
    return this.#closed ?? (this.#taken < this.#most ? undefined : TUNNEL_LIMIT_REACHED);
  }
}

/** What newcomers need of them. */
export type NewTunnelQuota = Pick<TunnelQuota, 'take' | 'full' | 'release'>;

/** The same places, and none of them while this process is too slow for those who are in already. */
export function unlessOverloaded(places: TunnelQuota, overloaded: () => boolean): NewTunnelQuota {
  const lack = (): string | undefined => (overloaded() ? 'limits.loopDelay is exceeded' : undefined);
  return {
    take: async () => lack() ?? places.take(),
    full: async () => lack() ?? places.full(),
    release: () => places.release(),
  };
}
