/**
 * The access decisions for users and targets by one guard and one list of rules. A reload replaces the whole object.
 */
import type { AuthenticationResult, Guard } from '../../policy/guard.js';
import type { Rule } from '../../policy/rules.js';
import type { AuthenticationRequest } from '../../policy/types.js';
import { type TargetOpener, type TargetTimeouts, targetOpener } from '../target/dial.js';

export class AccessDecisions {
  readonly #guard: Guard;
  readonly #opener: TargetOpener;
  #pending = 0;
  #onIdle: (() => void) | undefined;

  constructor(guard: Guard, rules: readonly Rule[], timeouts: TargetTimeouts) {
    this.#guard = guard;
    this.#opener = targetOpener({ rules, authorize: guard.authorize }, timeouts);
  }

  /** Never rejects. */
  authenticate(request: AuthenticationRequest, signal: AbortSignal): Promise<AuthenticationResult> {
    return this.#counted(() => this.#guard.authenticate(request, signal));
  }

  /** Never rejects. */
  readonly openTarget: TargetOpener = (...request) => this.#counted(() => this.#opener(...request));

  /** Closes the guard when no decision is pending. Every decision has a deadline, so this ends. */
  async close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#guard.close();
  }

  /** Counts the decision as pending, so that `close` waits for it. */
  async #counted<T>(decide: () => Promise<T>): Promise<T> {
    this.#pending++;
    try {
      return await decide();
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#onIdle?.();
    }
  }
}
