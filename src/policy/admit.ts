import { canonicalAddress, networkOf, specialRange } from './address.js';
import { toReason } from './printable.js';
import { matchesName, matchRule, type Rule } from './rules.js';
import { formatTarget, normalizeHost, parseTarget, type Target } from './target.js';
import type { AuthorizationVerdict, Identity, TargetRequest } from './types.js';

/** Addresses of one name that are checked and dialled; more than a handful is a mistake or an attack on the dial timeout. */
export const ADDRESSES_MAX = 8;

/** Looks a name up, once. Answers addresses in the order to try them; throws when there are none. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

export interface AdmissionParts {
  /** The allow rules of the configuration. */
  readonly rules: readonly Rule[];
  readonly resolve: Resolve;
  /** The custom authenticator's word, usually `Guard.authorize`. It is asked about each address that the rules allow. */
  readonly authorize?:
    | ((identity: Identity, target: TargetRequest, signal: AbortSignal) => Promise<AuthorizationVerdict>)
    | undefined;
}

export type Plan =
  | {
      readonly allow: true;
      readonly target: Target;
      /** Checked addresses in the order to dial them. INVARIANT: only these are dialled, the name is not resolved again. */
      readonly addresses: readonly string[];
    }
  | {
      readonly allow: false;
      /** `unresolved` only where the name itself was allowed: to everyone else a name that is not there is just denied. */
      readonly code: 'denied' | 'unresolved';
      /** For the log, never for the client. */
      readonly reason: string;
    };

/**
 * Decides about one channel: may this identity reach this target, and at which addresses?
 *
 * An identity that brings its own targets (a token's `tgt`) may open these and no others; without them the allow rules
 * decide. A special address additionally needs to be meant: by a rule that names it, or by a target in a token that the
 * gateway's own key signed. Addresses of the gateway itself on its networks are not special: a desktop on the same machine
 * is a usual target, and a rule opens the port of RDP alone unless it names others.
 *
 * Never throws and never waits longer than `signal`: whatever goes wrong denies.
 */
export async function planTarget(
  identity: Identity,
  asked: Target,
  parts: AdmissionParts,
  signal: AbortSignal,
): Promise<Plan> {
  try {
    const target = { host: normalizeHost(asked.host), port: asked.port };
    if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65535) return denied('the port is not one');
    return await plan(identity, target, parts, signal);
  } catch (cause) {
    return denied(signal.aborted ? 'the decision took too long' : messageOf(cause));
  }
}

async function plan(identity: Identity, target: Target, parts: AdmissionParts, signal: AbortSignal): Promise<Plan> {
  const named = identity.targets?.some((text) => isTarget(text, target)) ?? false;
  if (identity.targets !== undefined && !named) {
    return denied(`the identity may open ${identity.targets.join(', ') || 'no target'} only`);
  }
  const byName = named || parts.rules.some((rule) => matchesName(rule, target));
  const byAddress = parts.rules.some((rule) => rule.kind === 'network' && inPorts(rule, target.port));
  const literal = canonicalAddress(target.host) !== undefined;
  // Before any look-up: a name that no rule can allow must not be resolved, nor tell by its timing whether it exists.
  if (!byName && (literal || !byAddress)) return denied('no rule allows it');

  const found = literal ? [target.host] : await lookUp(target.host, parts.resolve, signal);
  if (found.length === 0) {
    // Behind a rule for addresses, or an authorizer that is yet to be asked, the name was not allowed so far.
    const judged = named || (byName && parts.authorize === undefined);
    return { allow: false, code: judged ? 'unresolved' : 'denied', reason: 'the name does not resolve' };
  }
  const allowed = found.filter((address) => isAllowed(identity, named, target, address, parts.rules));
  if (allowed.length === 0) return denied(whyNot(found, named));
  if (parts.authorize === undefined) return { allow: true, target, addresses: allowed };

  const { authorize } = parts;
  const verdicts = await before(
    signal,
    Promise.all(allowed.map((address) => authorize(identity, { ...target, address }, signal))),
  );
  const agreed = allowed.filter((_, index) => verdicts[index]?.allow === true);
  if (agreed.length > 0) return { allow: true, target, addresses: agreed };
  const refusal = verdicts.find((verdict) => !verdict.allow);
  return denied(refusal?.allow === false ? refusal.reason : 'the authenticator refused it');
}

function isAllowed(
  identity: Identity,
  named: boolean,
  target: Target,
  address: string,
  rules: readonly Rule[],
): boolean {
  if (named && (identity.local || specialRange(networkOf(address)) === undefined)) return true;
  return rules.some((rule) => matchRule(rule, target, address));
}

/** Canonical addresses without duplicates; none when the look-up fails, answers nonsense or takes too long. */
async function lookUp(host: string, resolve: Resolve, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const answers = await before(signal, resolve(host, signal));
    const addresses = answers.slice(0, 4 * ADDRESSES_MAX).map(canonicalAddress);
    return [...new Set(addresses)].filter((address) => address !== undefined).slice(0, ADDRESSES_MAX);
  } catch {
    return [];
  }
}

function whyNot(addresses: readonly string[], named: boolean): string {
  const list = addresses
    .map((address) => {
      const special = specialRange(networkOf(address));
      return special === undefined ? address : `${address} (${special})`;
    })
    .join(', ');
  return named ? `${list} needs a rule of its own` : `no rule allows ${list}`;
}

function isTarget(text: string, target: Target): boolean {
  return formatTarget(parseTarget(text)) === formatTarget(target);
}

function inPorts(rule: Rule, port: number): boolean {
  return port >= rule.ports.first && port <= rule.ports.last;
}

function denied(reason: string): Plan {
  return { allow: false, code: 'denied', reason: toReason(reason, '') };
}

/** The answer, or a rejection as soon as `signal` aborts; a late answer then has no effect. */
async function before<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('the decision took too long'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'the decision failed';
}
