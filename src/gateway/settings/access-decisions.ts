/**
 * The access decisions for users and targets by one guard and one list of rules. A reload replaces the whole object.
 */
import { type AdmissionParts, planTarget } from '../../policy/admit.js';
import type { Grant } from '../../policy/grant.js';
import type { AuthenticationResult, Guard } from '../../policy/guard.js';
import { RuleSet } from '../../policy/rule-set.js';
import type { Rule } from '../../policy/rules.js';
import { parseTarget } from '../../policy/target.js';
import type { AuthenticationRequest, Identity } from '../../policy/types.js';
import { RESULT } from '../../protocol/index.js';
import {
  listTargets,
  type OpenedTarget,
  type TargetOpener,
  type TargetTimeouts,
  targetOpener,
} from '../target/dial.js';

const CREDENTIAL_DENIED = RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED;

/** `identity`: the one for which the decision was made, see `Revalidation`. */
export type OpenedChannel = OpenedTarget & { readonly identity: Identity };

/** What a session may do: the grant that it began with, and the channel that is open. */
export interface Right {
  readonly grant: Grant;
  readonly channel: Channel | undefined;
}

/** An open channel. `target` is what the client asked for, `host:port`; `address` is the address that was dialled. */
export interface Channel {
  readonly target: string;
  readonly address: string;
}

/** A result code for the client and the reason for the log. */
export interface Loss {
  readonly code: number;
  readonly reason: string;
}

export class AccessDecisions {
  readonly #guard: Guard;
  readonly #opener: TargetOpener;
  readonly #parts: Omit<AdmissionParts, 'resolve'>;
  #pending = 0;
  #onIdle: (() => void) | undefined;

  constructor(guard: Guard, rules: readonly Rule[], timeouts: TargetTimeouts) {
    this.#guard = guard;
    this.#parts = { rules: new RuleSet(rules), authorize: guard.authorize };
    this.#opener = targetOpener(this.#parts, timeouts);
  }

  /** Never rejects. */
  authenticate(request: AuthenticationRequest, signal: AbortSignal): Promise<AuthenticationResult> {
    return this.#counted(() => this.#guard.authenticate(request, signal));
  }

  /**
   * Opens the target of a channel, if the grant still holds and a target is allowed. `now` is in milliseconds since the
   * epoch. Never rejects.
   */
  async openChannel(
    grant: Grant,
    names: readonly string[],
    port: number,
    now: number,
    signal: AbortSignal,
  ): Promise<OpenedChannel> {
    const status = this.#guard.revalidate(grant, now);
    if (!status.valid) {
      return {
        code: CREDENTIAL_DENIED,
        target: listTargets(names, port),
        reason: status.reason,
        identity: grant.identity,
      };
    }
    const { identity } = status;
    return { ...(await this.#counted(() => this.#opener(identity, names, port, signal))), identity };
  }

  /**
   * Why a session has lost its right, or undefined if these decisions still grant all of it. An expired token is no
   * reason, because its expiry bounds new channels only. Resolves no name: the address of the channel is judged
   * together with the name that the client asked for. A custom authenticator that does not answer denies. Never rejects.
   */
  async lossOf({ grant, channel }: Right, now: number, signal: AbortSignal): Promise<Loss | undefined> {
    const status = this.#guard.revalidate(grant, now);
    if (!status.valid && status.code === 'revoked') return { code: CREDENTIAL_DENIED, reason: status.reason };
    if (channel === undefined) return undefined;
    const identity = status.valid ? status.identity : grant.identity;
    const parts = { ...this.#parts, resolve: async () => [channel.address] };
    const plan = await this.#counted(() => planTarget(identity, parseTarget(channel.target), parts, signal));
    return plan.allow ? undefined : { code: RESULT.E_PROXY_RAP_ACCESSDENIED, reason: plan.reason };
  }

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
