import { type BuiltInAuthenticator, type Credential, type Grant, type Revalidation, revoked } from './grant.js';
import { isPrintable, toReason, USER_NAME_MAX } from './printable.js';
import { formatTarget, parseTarget } from './target.js';
import type { AuthenticationRequest, Authenticator, AuthorizationVerdict, Identity, TargetRequest } from './types.js';

/** The result of `Guard.authenticate`. */
export type AuthenticationResult =
  | ({ readonly allow: true } & Grant)
  | {
      readonly allow: false;
      /** `missing`: the client sent no token. `refused`: every other reason. */
      readonly code: 'missing' | 'refused';
      /** For the log: one line without the token. Never send it to the client. */
      readonly reason: string;
    };

/** An authenticator behind a deadline and a check of its answers, see `createGuard`. No method rejects or waits without limit. */
export interface Guard {
  /** The name of the authenticator. */
  readonly name: string;
  /** An abort of `signal` denies without waiting for the deadline. */
  authenticate(request: AuthenticationRequest, signal?: AbortSignal): Promise<AuthenticationResult>;
  /**
   * Reports whether this guard still grants what another one, or itself, granted earlier. It asks nobody: a custom authenticator is
   * only compared by its name, and decides in `authorize`. `now` is in milliseconds since the epoch. Never throws.
   */
  revalidate(grant: Grant, now: number): Revalidation;
  /** `undefined` if the authenticator has no `authorize`. An abort of `signal` denies without waiting for the deadline. */
  readonly authorize:
    | ((identity: Identity, target: TargetRequest, signal?: AbortSignal) => Promise<AuthorizationVerdict>)
    | undefined;
  /** Calls the authenticator's `close` and waits until it returns, at most the deadline. Ignores its errors. */
  close(): Promise<void>;
}

/** Options of `createGuard`. */
export type GuardOptions = GuardLimits &
  (
    | { readonly authenticator: Authenticator; readonly builtIn?: false }
    /** Only the verdict of a built-in authenticator may set `Identity.local` and the credential. */
    | { readonly authenticator: BuiltInAuthenticator; readonly builtIn: true }
  );

interface GuardLimits {
  /** Time limit of one call in milliseconds. Setting: `timeouts.decision`. */
  readonly deadline: number;
  /**
   * A monotonic clock in milliseconds, `performance.now` by default. It detects a late answer even if the authenticator blocked
   * the event loop and so delayed the timer.
   */
  readonly clock?: () => number;
}

/** Maximum number of entries of `groups` and of `targets` in one verdict. */
const LIST_MAX = 1000;

/**
 * Wraps an authenticator so that it fails closed: an exception, an answer after the deadline and an answer of any other shape
 * than the documented one deny. Each property of an answer is read once, and the identity is a frozen copy.
 */
export function createGuard(options: GuardOptions): Guard {
  const { authenticator } = options;
  const name = authenticator.name;

  return {
    name,
    async authenticate(request, signal) {
      const { token } = request;
      if (token === '') return { allow: false, code: 'missing', reason: 'the client sent no token' };
      try {
        const answer = await callAuthenticator((inner) => authenticator.authenticate(request, inner), options, signal);
        return { allow: true, ...readVerdict(answer, request, name, options.builtIn === true) };
      } catch (cause) {
        return { allow: false, code: 'refused', reason: reasonOf(cause, name, token) };
      }
    },
    revalidate(grant, now) {
      try {
        return revalidate(options, name, grant, now);
      } catch (cause) {
        return revoked(reasonOf(cause, name, ''));
      }
    },
    authorize: hasAuthorize(authenticator)
      ? async (identity, target, signal) => {
          try {
            const answer = await callAuthenticator(
              (inner) => authenticator.authorize?.(identity, target, inner),
              options,
              signal,
            );
            readAllow(answer);
            return { allow: true };
          } catch (cause) {
            return { allow: false, reason: reasonOf(cause, name, '') };
          }
        }
      : undefined,
    async close() {
      await callAuthenticator(() => authenticator.close?.(), options).catch(() => undefined);
    },
  };
}

/** A refusal with a reason. Every other exception is a failure of the authenticator or of the check of its answer. */
class Refusal extends Error {}

function revalidate(options: GuardOptions, name: string, grant: Grant, now: number): Revalidation {
  const { identity, credential } = grant;
  const isModule = options.builtIn !== true;
  if (credential.mode !== (isModule ? 'module' : name) || (isModule && identity.method !== name)) {
    const former =
      credential.mode === 'module' ? `the authenticator ${identity.method}` : `the mode ${credential.mode}`;
    return revoked(`the gateway no longer uses ${former}`);
  }
  return isModule ? { valid: true, identity } : options.authenticator.revalidate(grant, now);
}

function hasAuthorize(authenticator: Authenticator): boolean {
  return authenticator.authorize !== undefined && authenticator.authorize !== null;
}

/** Calls the authenticator. At the deadline, or when `outer` aborts, rejects and aborts the authenticator's signal. */
async function callAuthenticator(
  call: (signal: AbortSignal) => unknown,
  { deadline, clock = () => performance.now() }: GuardLimits,
  outer?: AbortSignal,
): Promise<unknown> {
  // Created only when needed: capturing the stack of an error costs more than a usual call.
  const late = (): Refusal => new Refusal(`no answer within ${deadline / 1000} s`);
  const controller = new AbortController();
  const started = clock();
  let expire: () => void = () => undefined;
  const expired = new Promise<never>((_, reject) => {
    expire = () => {
      const reason = late();
      controller.abort(reason);
      reject(reason);
    };
  });
  const timer = setTimeout(expire, deadline);
  if (outer?.aborted) expire();
  outer?.addEventListener('abort', expire, { once: true });
  try {
    // The async function turns a synchronous exception into a rejection. Promise.race handles a late rejection.
    const answer = await Promise.race([(async () => call(controller.signal))(), expired]);
    if (clock() - started > deadline) throw late();
    return answer;
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', expire);
  }
}

function readVerdict(answer: unknown, request: AuthenticationRequest, method: string, builtIn: boolean): Grant {
  const verdict = readAllow(answer);
  const { user, groups, targets, until, local } = verdict;
  if (!isPrintable(user, USER_NAME_MAX)) throw new TypeError('the user is not a printable name');
  if (until !== undefined && !(typeof until === 'number' && Number.isFinite(until) && until > request.now)) {
    throw new TypeError('the end of the session (until) is not a time in the future');
  }
  const identity = Object.freeze({
    user,
    groups: Object.freeze(groups === undefined ? [] : readList(groups, 'groups')),
    targets:
      targets === undefined
        ? undefined
        : Object.freeze(readList(targets, 'targets').map((text) => formatTarget(parseTarget(text)))),
    local: builtIn && local === true,
    until,
    method,
    clientName: request.clientName,
  });
  return { identity, credential: builtIn ? (verdict.credential as Credential) : { mode: 'module' } };
}

/** Returns the answer if its `allow` is exactly true. Throws a `Refusal` if it is false, else a `TypeError`. */
function readAllow(answer: unknown): Readonly<Record<string, unknown>> {
  if (typeof answer !== 'object' || answer === null) throw new TypeError('the answer is not an object');
  const record = answer as Record<string, unknown>;
  const { allow } = record;
  if (allow === true) return record;
  if (allow !== false) throw new TypeError('the answer has no allow: true or false');
  const { reason } = record;
  throw new Refusal(typeof reason === 'string' && reason.trim() !== '' ? reason : 'refused without a reason');
}

function readList(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is not a list`);
  const { length } = value;
  if (length > LIST_MAX) throw new TypeError(`${what} has more than ${LIST_MAX} entries`);
  return Array.from({ length }, (_, index) => {
    const entry: unknown = value[index];
    if (!isPrintable(entry, USER_NAME_MAX)) throw new TypeError(`${what} has an entry that is not printable text`);
    return entry;
  });
}

function reasonOf(cause: unknown, name: string, token: string): string {
  try {
    if (cause instanceof Refusal) return toReason(cause.message, token);
    const message = cause instanceof Error ? cause.message : 'it threw something that is not an error';
    return toReason(`authenticator ${name} failed: ${message}`, token);
  } catch {
    // The message of the error can be a getter that throws.
    return `authenticator ${name} failed`;
  }
}
