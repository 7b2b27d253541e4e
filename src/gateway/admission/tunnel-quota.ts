/** The limit on tunnels at one time, counted over all processes of one gateway. */
export interface TunnelQuota {
  /**
   * Takes a slot for a new tunnel. Returns undefined, or the reason why there is none. Never rejects.
   * INVARIANT: a slot that was taken is released once: when the connection to the target is closed, or when the tunnel
   * was not opened.
   */
  take(): Promise<string | undefined>;
  /**
   * The reason why `take` would fail now, or undefined. The answer may be outdated as soon as another tunnel opens or
   * ends.
   */
  full(): Promise<string | undefined>;
  release(): void;
  /** Applies to the next `take`; slots that are taken stay. */
  adjust(limit: number): void;
  /** From now on every `take` fails with this reason. */
  close(reason: string): void;
}

export const TUNNEL_LIMIT_REACHED = 'limits.tunnels is reached';

/** The quota of a gateway with one process. */
export class LocalTunnelQuota implements TunnelQuota {
  #limit: number;
  #taken = 0;
  #closed: string | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** INVARIANT: nothing is awaited between the check and the count. */
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

  adjust(limit: number): void {
    this.#limit = limit;
  }

  close(reason: string): void {
    this.#closed = reason;
  }

  #reasonAgainst(): string | undefined {
    return this.#closed ?? (this.#taken < this.#limit ? undefined : TUNNEL_LIMIT_REACHED);
  }
}

/** The part of the quota that new tunnels use. */
export type NewTunnelQuota = Pick<TunnelQuota, 'take' | 'full' | 'release'>;

/** The same quota, with no free slot while the event loop is overloaded. */
export function unlessOverloaded(quota: TunnelQuota, overloaded: () => boolean): NewTunnelQuota {
  const overload = (): string | undefined => (overloaded() ? 'limits.loopDelay is exceeded' : undefined);
  return {
    take: async () => overload() ?? quota.take(),
    full: async () => overload() ?? quota.full(),
    release: () => quota.release(),
  };
}
