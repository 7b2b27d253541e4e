import type { Grant } from '../../policy/grant.js';
import type { UserQuota } from '../admission/user-quota.js';

/** The slot of one tunnel in the quota of its user. */
export class UserSlot {
  readonly #quota: UserQuota;
  #user: string | undefined;

  constructor(quota: UserQuota) {
    this.#quota = quota;
  }

  /**
   * Returns undefined, or the reason why there is none. A slot that is granted after the end of the session is given back.
   */
  async take({ identity: { user }, credential }: Grant, sessionEnd: AbortSignal): Promise<string | undefined> {
    // In this mode everybody has the same name.
    if (credential.mode === 'any') return undefined;
    const reason = await this.#quota.take(user);
    if (reason !== undefined) return reason;
    if (sessionEnd.aborted) this.#quota.release(user);
    else this.#user = user;
    return undefined;
  }

  release(): void {
    if (this.#user !== undefined) this.#quota.release(this.#user);
    this.#user = undefined;
  }
}
