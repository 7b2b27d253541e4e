import { KeyCounts } from './key-counts.js';

/** The limit on tunnels of one user at one time, counted over all processes of one gateway. */
export interface UserQuota {
  /**
   * Takes a slot for a tunnel of this user, who is authenticated. Returns undefined, or the reason why there is none.
   * Never rejects. INVARIANT: a slot that was taken is released once, when the tunnel has ended.
   */
  take(user: string): Promise<string | undefined>;
  release(user: string): void;
  /** Applies to the next `take`; slots that are taken stay. */
  adjust(limit: number): void;
}

export const USER_LIMIT_REACHED = 'limits.tunnelsPerUser is reached';

/**
 * The tunnels of each user. It needs no limit of its own: every user in it has a tunnel, and tunnels are limited.
 */
export class UserTunnels {
  #limit: number;
  readonly #taken = new KeyCounts();

  constructor(limit: number) {
    this.#limit = limit;
  }

  adjust(limit: number): void {
    this.#limit = limit;
  }

  take(user: string): string | undefined {
    const key = keyOf(user);
    if (this.#taken.get(key) >= this.#limit) return USER_LIMIT_REACHED;
    this.#taken.add(key);
    return undefined;
  }

  release(user: string): void {
    this.#taken.remove(keyOf(user));
  }
}

/** The quota of a gateway with one process. */
export class LocalUserQuota implements UserQuota {
  readonly #tunnels: UserTunnels;

  constructor(limit: number) {
    this.#tunnels = new UserTunnels(limit);
  }

  async take(user: string): Promise<string | undefined> {
    return this.#tunnels.take(user);
  }

  release(user: string): void {
    this.#tunnels.release(user);
  }

  adjust(limit: number): void {
    this.#tunnels.adjust(limit);
  }
}

/** Windows compares account names without regard to case. An issuer that does not must not get a limit for each spelling. */
function keyOf(user: string): string {
  return user.normalize('NFC').toLowerCase();
}
