/**
 * Opens the target of a channel. Each name that the client requested is checked against the rules and resolved once,
 * and only addresses that passed the check are dialled. The TCP connection to one address is made by `dial` in
 * relay.ts.
 */
import { type AdmissionParts, type Plan, planTarget } from '../../policy/admit.js';
import { formatTarget } from '../../policy/target.js';
import type { Identity } from '../../policy/types.js';
import { RESULT } from '../../protocol/index.js';
import { dial, type Relay } from './relay.js';
import { sharedLookup } from './resolve.js';

const lookUp = sharedLookup();

export type OpenedTarget =
  | { readonly relay: Relay; readonly target: string; readonly address: string }
  | { readonly code: number; readonly target: string; readonly reason: string };

export type TargetOpener = (
  identity: Identity,
  names: readonly string[],
  port: number,
  signal: AbortSignal,
) => Promise<OpenedTarget>;

export interface TargetTimeouts {
  /** For the connection to one address, in milliseconds. */
  readonly dial: number;
  /** For the decision on one name, its lookup included, in milliseconds. */
  readonly decision: number;
  /**
   * For all names together, in milliseconds; less than the 30 s that a client waits for CHANNEL_RESPONSE (MS-TSGU
   * 4.2.1).
   */
  readonly all: number;
}

/** Returns a function that opens the first target which is allowed and accepts the connection. It never rejects. */
export function targetOpener(parts: Omit<AdmissionParts, 'resolve'>, timeouts: TargetTimeouts): TargetOpener {
  return async (identity, names, port, sessionEnd) => {
    const resolve = (host: string, signal: AbortSignal) => lookUp(host, identity.user, signal);
    const all = deadline(timeouts.all, sessionEnd);
    const failures: Failure[] = [];
    for (const host of names) {
      if (all.signal.aborted) break;
      const decision = deadline(timeouts.decision, all.signal);
      const plan = await planTarget(identity, { host, port }, { ...parts, resolve }, decision.signal);
      decision.clear();
      const opened = plan.allow ? await dialAll(plan, timeouts.dial, all.signal) : refused(plan, host, port);
      if ('relay' in opened) {
        all.clear();
        return opened;
      }
      failures.push(opened);
    }
    all.clear();
    return summary(failures, names, port);
  };
}

/**
 * A signal that aborts after `ms` milliseconds or with `outer`. `clear` removes the timer and the listener.
 * AbortSignal.any is not used: in Node 20 its signal holds a timeout so weakly that the garbage collector can collect
 * it before it fires.
 */
function deadline(ms: number, outer: AbortSignal): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(ABORT_REASON);
  const timer = setTimeout(abort, ms);
  if (outer.aborted) abort();
  outer.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer);
      outer.removeEventListener('abort', abort);
    },
  };
}

/** The abort reason. Without one, each abort would create an error with a stack trace that nothing reads. */
export const ABORT_REASON = 'over';

interface Failure {
  readonly code: number;
  readonly target: string;
  readonly reason: string;
}

async function dialAll(
  { target, addresses }: Extract<Plan, { allow: true }>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<OpenedTarget> {
  const reasons: string[] = [];
  for (const address of addresses) {
    try {
      const relay = await dial(address, target.port, timeoutMs, signal);
      return { relay, target: formatTarget(target), address };
    } catch (error) {
      reasons.push(`${address}: ${(error as Error).message}`);
    }
  }
  return { code: RESULT.E_PROXY_TS_CONNECTFAILED, target: formatTarget(target), reason: reasons.join('; ') };
}

function refused(plan: Extract<Plan, { allow: false }>, host: string, port: number): Failure {
  const code = plan.code === 'denied' ? RESULT.E_PROXY_RAP_ACCESSDENIED : RESULT.E_PROXY_TS_CONNECTFAILED;
  return { code, target: `${host}:${port}`, reason: plan.reason };
}

/**
 * One failure for all names. The code of an allowed target that does not answer takes precedence over that of a denied
 * one.
 */
function summary(failures: readonly Failure[], names: readonly string[], port: number): Failure {
  const main = failures.find(({ code }) => code === RESULT.E_PROXY_TS_CONNECTFAILED) ?? failures[0];
  const target = failures.length > 1 ? failures.map((failure) => failure.target).join(',') : (main?.target ?? '');
  return main
    ? { code: main.code, target, reason: failures.map(({ reason }) => reason).join('; ') }
    : {
        code: RESULT.E_PROXY_TS_CONNECTFAILED,
        target: names.map((name) => `${name}:${port}`).join(','),
        reason: 'no time left',
      };
}
