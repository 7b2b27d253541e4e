/** From the names a client asks for to a connection: each name is judged and resolved once, and only checked addresses are dialled. */
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
  /** For one address, in milliseconds. */
  readonly dial: number;
  /** For one decision, the look-up of the name included. */
  readonly decision: number;
  /** For all names together: the client waits no longer than this for CHANNEL_RESPONSE (MS-TSGU 4.2.1 allows 30 s). */
  readonly all: number;
}

/** Opens the first target that is allowed and answers. Never rejects. */
export function targetOpener(parts: Omit<AdmissionParts, 'resolve'>, timeouts: TargetTimeouts): TargetOpener {
  return async (identity, names, port, ended) => {
    const resolve = (host: string, signal: AbortSignal) => lookUp(host, identity.user, signal);
    const all = deadline(timeouts.all, ended);
    const failures: Failure[] = [];
    for (const host of names) {
      if (all.signal.aborted) break;
      const decision = deadline(timeouts.decision, all.signal);
      const plan = await planTarget(identity, { host, port }, { ...parts, resolve }, decision.signal);
      decision.over();
      const opened = plan.allow ? await dialAll(plan, timeouts.dial, all.signal) : refused(plan, host, port);
      if ('relay' in opened) {
        all.over();
        return opened;
      }
      failures.push(opened);
    }
    all.over();
    return summary(failures, names, port);
  };
}

/**
 * A signal that aborts after some milliseconds, or with `outer`, until it is `over`. Not by AbortSignal.any: in Node 20 the
 * signal that it makes holds a timeout so weakly that the garbage collector takes it before it fires.
 */
function deadline(ms: number, outer: AbortSignal): { readonly signal: AbortSignal; over(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(OVER);
  const timer = setTimeout(abort, ms);
  if (outer.aborted) abort();
  outer.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    over() {
      clearTimeout(timer);
      outer.removeEventListener('abort', abort);
    },
  };
}

/** Without one, each abort would make an error and look up where it is. Nobody reads it. */
export const OVER = 'over';

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

/** An allowed target that does not answer says more than a forbidden one beside it. */
function summary(failures: readonly Failure[], names: readonly string[], port: number): Failure {
  const telling = failures.find(({ code }) => code === RESULT.E_PROXY_TS_CONNECTFAILED) ?? failures[0];
  const target = failures.length > 1 ? failures.map((failure) => failure.target).join(',') : (telling?.target ?? '');
  return telling
    ? { code: telling.code, target, reason: failures.map(({ reason }) => reason).join('; ') }
    : {
        code: RESULT.E_PROXY_TS_CONNECTFAILED,
        target: names.map((name) => `${name}:${port}`).join(','),
        reason: 'no time left',
      };
}
