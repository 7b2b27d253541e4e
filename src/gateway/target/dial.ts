/**
 * Opens the target of a channel. Each name that the client requested is checked against the rules and resolved once,
 * and only addresses that passed the check are dialled. The TCP connection to one address is made by `dial` in
 * relay.ts.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AdmissionParts, type Plan, planTarget } from '../../policy/admit.js';
import { formatTarget, showTarget } from '../../policy/target.js';
import type { Identity } from '../../policy/types.js';
import { RESULT } from '../../protocol/index.js';
import { dial, type Relay } from './relay.js';
import { sharedLookup } from './resolve.js';

/** One for the process, because all sessions share its threads. */
const systemLookup = sharedLookup();

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

/**
 * How many names of one channel may be denied. Clients send one name, or a few for the same desktop, and up to 53. Each denied
 * name may cost a lookup and calls of the custom authenticator.
 */
export const DENIED_MAX = 8;
/** How many calls of the custom authenticator one channel may cost: eight names with as many addresses as are dialled. */
export const AUTHORIZE_MAX = 64;

/** Returns a function that opens the first target which is allowed and accepts the connection. It never rejects. */
export function targetOpener(
  { rules, authorize }: Pick<AdmissionParts, 'rules' | 'authorize'>,
  timeouts: TargetTimeouts,
  lookUp = systemLookup,
): TargetOpener {
  return async (identity, names, port, sessionEnd) => {
    if (port === 0) return withoutPort(names);
    const parts: AdmissionParts = {
      rules,
      resolve: (host, signal) => lookUp(host, identity.user, signal),
      authorize: authorize && atMost(AUTHORIZE_MAX, authorize),
    };
    const all = deadline(timeouts.all, sessionEnd);
    const failures: Failure[] = [];
    let denied = 0;
    for (const host of names) {
      if (all.signal.aborted || denied === DENIED_MAX) break;
      // Other sessions have their turn between the names of one.
      if (failures.length > 0) await nextTurn();
      const decision = deadline(timeouts.decision, all.signal);
      const plan = await planTarget(identity, { host, port }, parts, decision.signal);
      decision.clear();
      const opened = plan.allow ? await dialAll(plan, timeouts.dial, all.signal) : refused(plan, host, port);
      if ('relay' in opened) {
        all.clear();
        return opened;
      }
      failures.push(opened);
      if (!plan.allow && plan.code === 'denied') denied++;
    }
    all.clear();
    return summary(failures, names, port);
  };
}

type Authorize = NonNullable<AdmissionParts['authorize']>;

/** Denies every call after the first `limit`. */
function atMost(limit: number, authorize: Authorize): Authorize {
  let calls = 0;
  return async (...request) => {
    calls++;
    if (calls > limit) return { allow: false, reason: `more than ${limit} addresses for one channel` };
    return await authorize(...request);
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
      const host = address.includes(':') ? `[${address}]` : address;
      reasons.push(`${host}: ${(error as Error).message}`);
    }
  }
  return { code: RESULT.E_PROXY_TS_CONNECTFAILED, target: formatTarget(target), reason: reasons.join('; ') };
}

function refused(plan: Extract<Plan, { allow: false }>, host: string, port: number): Failure {
  const code = plan.code === 'denied' ? RESULT.E_PROXY_RAP_ACCESSDENIED : RESULT.E_PROXY_TS_CONNECTFAILED;
  return { code, target: showTarget({ host, port }), reason: plan.reason };
}

/** The port of the request is a number of 16 bits, so that 0 is the only wrong one. It is wrong for every target. */
function withoutPort(names: readonly string[]): Failure {
  // FreeRDP 2.11 connects to port 0 for /v:[ADDRESS]:PORT, also without a gateway.
  const cure = names.some((host) => host.includes(':')) ? ', and write /v:[ADDRESS] /port:PORT for FreeRDP 2' : '';
  const reason = `the client asked for port 0, which is not a port: check "server port" in its .rdp file${cure}`;
  return { code: RESULT.E_PROXY_TS_CONNECTFAILED, target: listTargets(names, 0), reason };
}

/**
 * One failure for all names. The code of an allowed target that does not answer takes precedence over that of a denied
 * one.
 */
function summary(failures: readonly Failure[], names: readonly string[], port: number): Failure {
  const main = failures.find(({ code }) => code === RESULT.E_PROXY_TS_CONNECTFAILED) ?? failures[0];
  if (main === undefined) {
    return { code: RESULT.E_PROXY_TS_CONNECTFAILED, target: listTargets(names, port), reason: 'no time left' };
  }
  const left = names.length - failures.length;
  const reason = listOf(
    failures.map(({ reason }) => reason),
    '; ',
  );
  return {
    code: main.code,
    target: listOf(
      failures.map(({ target }) => target),
      ',',
    ),
    reason: left > 0 ? `${reason}; ${left} more names were not tried` : reason,
  };
}

/** How many targets and reasons one log line lists: as many as may be denied. */
const LISTED_MAX = DENIED_MAX;

/** The targets that a client requests, for the log. */
export function listTargets(names: readonly string[], port: number): string {
  return listOf(
    names.map((host) => showTarget({ host, port })),
    ',',
  );
}

function listOf(texts: readonly string[], separator: string): string {
  const more = texts.length - LISTED_MAX;
  return [...texts.slice(0, LISTED_MAX), ...(more > 0 ? [`${more} more`] : [])].join(separator);
}
