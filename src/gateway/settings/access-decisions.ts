/** Who may come and where to, by one guard and one list of rules; a reload replaces it whole. */
import type { AuthenticationResult, Guard } from '../../policy/guard.js';
import type { Rule } from '../../policy/rules.js';
import type { AuthenticationRequest } from '../../policy/types.js';
import { type TargetOpener, type TargetTimeouts, targetOpener } from '../target/dial.js';

export class AccessDecisions {
  readonly #guard: Guard;
  readonly #opener: TargetOpener;
  #waiting = 0;
  #unused: (() => void) | undefined;

  constructor(guard: Guard, rules: readonly Rule[], timeouts: TargetTimeouts) {
    this.#guard = guard;
    this.#opener = targetOpener({ rules, authorize: guard.authorize }, timeouts);
  }

  /** Never rejects. */
  authenticate(request: AuthenticationRequest, signal: AbortSignal): Promise<AuthenticationResult> {
    return this.#held(() => this.#guard.authenticate(request, signal));
  }

  /** Never rejects. */
  readonly openTarget: TargetOpener = (...question) => this.#held(() => this.#opener(...question));

  /** Closes the guard once nobody waits for its word any more; the deadline of each decision ends that wait. */
  async close(): Promise<void> {
    if (this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        this.#unused = resolve;
      });
    }
    await this.#guard.close();
  }

  async #held<T>(decide: () => Promise<T>): Promise<T> {
    this.#waiting++;
    try {
      return await decide();
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#unused?.();
    }
  }
}
