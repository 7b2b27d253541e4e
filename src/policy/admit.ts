import { type Address, readAddress } from './address.js';
import { toReason } from './printable.js';
import { isLocalhost, type RuleDecision, type RuleSet } from './rule-set.js';
import { formatTarget, RDP_PORT, readHost, type Target } from './target.js';
import type { AuthorizationVerdict, Identity, TargetRequest } from './types.js';

/** How many addresses of one name are checked and dialled. A longer answer is a mistake or an attempt to use up the dial timeout. */
export const ADDRESSES_MAX = 8;

/** Resolves a host name to IP addresses in the order to try them. Rejects if there are none. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

/** What `planTarget` needs besides the request. */
export interface AdmissionParts {
  /** The allow rules (`targets.allow`). */
  readonly rules: RuleSet;
  /** Called at most once for a target, and not at all for an IP address. */
  readonly resolve: Resolve;
  /** The decision of the custom authenticator, usually `Guard.authorize`. It is called for each address that is allowed so far. */
  readonly authorize?:
    | ((identity: Identity, target: TargetRequest, signal: AbortSignal) => Promise<AuthorizationVerdict>)
    | undefined;
}

/** The result of `planTarget`. */
export type Plan =
  | {
      readonly allow: true;
      /** The requested target in canonical form. */
      readonly target: Target;
      /** Allowed addresses in the order to dial them. INVARIANT: only these are dialled; the name is not resolved again. */
      readonly addresses: readonly string[];
    }
  | {
      readonly allow: false;
      /** `unresolved` only if the name itself was allowed. Otherwise a name that does not exist gives `denied`. */
      readonly code: 'denied' | 'unresolved';
      /** For the log. Never send it to the client. */
      readonly reason: string;
    };

/**
 * Decides whether an identity may open a channel to a target, and at which addresses.
 *
 * An identity with targets of its own (claim `tgt` of a token) may open these and no others. Without them the allow rules
 * decide. A special address (loopback, link-local, cloud metadata) must be allowed explicitly: by a rule for that address, or
 * by a target from the gateway's own key or token list that is this address, or `localhost`. Another name does not suffice,
 * because the owner of the name controls what it resolves to. The gateway's own network addresses are not special: a desktop
 * on the same machine is a common target, and a rule without ports allows port 3389 only.
 *
 * Never rejects. A failure, and an abort of `signal` before the decision, deny.
 */
export async function planTarget(
  identity: Identity,
  requested: Target,
  parts: AdmissionParts,
  signal: AbortSignal,
): Promise<Plan> {
  try {
    const { host, address } = readHost(requested.host);
    const target = { host, port: requested.port };
    if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65535)
      return denied('the port is not a number from 1 to 65535');
    return await plan(identity, target, address, parts, signal);
  } catch (cause) {
    return denied(signal.aborted ? 'the decision took too long' : messageOf(cause));
  }
}

/** `literal` is the address that the host of the target is, if it is not a name. */
async function plan(
  identity: Identity,
  target: Target,
  literal: Address | undefined,
  parts: AdmissionParts,
  signal: AbortSignal,
): Promise<Plan> {
  const isOwnTarget = identity.targets?.includes(formatTarget(target)) ?? false;
  if (identity.targets !== undefined && !isOwnTarget)
    return denied(`the identity may open ${listOf(identity.targets)} only`);
  const rules = parts.rules.decide(target, literal);
  const byName = isOwnTarget || rules.byHost;
  // Must precede the lookup: for a name that no rule can allow, the response time would reveal whether the name exists.
  if (!byName && (literal !== undefined || !rules.byAddress)) return denied('no rule allows it');

  const found = literal === undefined ? await lookUp(target.host, parts.resolve, signal) : [literal];
  if (found.length === 0) {
    // If a rule for addresses or the authorizer still had to decide, the name itself is not allowed yet.
    const nameAllowed = isOwnTarget || (byName && parts.authorize === undefined);
    return { allow: false, code: nameAllowed ? 'unresolved' : 'denied', reason: 'the name does not resolve' };
  }
  const allowed = found
    .filter((address) => isAllowed(identity, isOwnTarget, target, address, rules))
    .map(({ text }) => text);
  if (allowed.length === 0) return denied(denialReason(identity, isOwnTarget, target, found));
  if (parts.authorize === undefined) return { allow: true, target, addresses: allowed };

  const { authorize } = parts;
  const verdicts = await untilAborted(
    signal,
    Promise.all(allowed.map((address) => authorize(identity, { ...target, address }, signal))),
  );
  const authorized = allowed.filter((_, index) => verdicts[index]?.allow === true);
  if (authorized.length > 0) return { allow: true, target, addresses: authorized };
  const refusal = verdicts.find((verdict) => !verdict.allow);
  return denied(refusal?.allow === false ? refusal.reason : 'the authenticator refused it');
}

function isAllowed(
  identity: Identity,
  isOwnTarget: boolean,
  target: Target,
  address: Address,
  rules: RuleDecision,
): boolean {
  if (isOwnTarget && address.special === undefined) return true;
  if (isOwnTarget && identity.local && (target.host === address.text || isLocalhost(target.host, address))) return true;
  return rules.allows(address);
}

/** Returns the addresses without duplicates, or none if the lookup fails, takes too long or returns no valid address. */
async function lookUp(host: string, resolve: Resolve, signal: AbortSignal): Promise<readonly Address[]> {
  try {
    const answers = await untilAborted(signal, resolve(host, signal));
    const addresses = answers.slice(0, 4 * ADDRESSES_MAX).flatMap((text) => readAddress(text) ?? []);
    const unique = new Map(addresses.map((address) => [address.text, address]));
    return [...unique.values()].slice(0, ADDRESSES_MAX);
  } catch {
    return [];
  }
}

function denialReason(identity: Identity, isOwnTarget: boolean, { port }: Target, found: readonly Address[]): string {
  const [first = '', ...others] = found.map(({ text, special }) =>
    special === undefined ? text : `${text} (${special})`,
  );
  const list = [first, ...others].join(', ');
  if (!isOwnTarget) return `no rule allows ${list}`;
  if (!identity.local) return `${list} needs an explicit rule`;
  // Only one address, because more could displace the cure from the log line.
  const shown = others.length === 0 ? first : `${first} and ${others.length} more`;
  const instead = specialTarget(found[0], port);
  const cure = identity.method === 'static' ? `write ${instead} in the token list` : `use mkrdp --target ${instead}`;
  return `the name resolves to ${shown}, which its token does not open: ${cure}`;
}

/** Returns the target, in its shortest form, that opens a special address: the address itself, `localhost` for loopback. */
export function specialTarget(address: Address | undefined, port: number): string {
  const host = address === undefined || address.special === 'loopback' ? 'localhost' : address.text;
  if (port !== RDP_PORT) return formatTarget({ host, port });
  return host.includes(':') ? `[${host}]` : host;
}

/** How many targets a reason lists. More would not fit in the log line, and a token may have a thousand. */
const LISTED_MAX = 3;

function listOf(targets: readonly string[]): string {
  if (targets.length === 0) return 'no target';
  const more = targets.length - LISTED_MAX;
  return targets.slice(0, LISTED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function denied(reason: string): Plan {
  return { allow: false, code: 'denied', reason: toReason(reason, '') };
}

/** Settles like `answer`, but rejects as soon as `signal` aborts. */
async function untilAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
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
