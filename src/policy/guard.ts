import { isPrintable, toReason, USER_NAME_MAX } from './printable.js';
import { formatTarget, parseTarget } from './target.js';
import type { AuthenticationRequest, Authenticator, AuthorizationVerdict, Identity, TargetRequest } from './types.js';

export type AuthenticationResult =
  | { readonly allow: true; readonly identity: Identity }
  | {
      readonly allow: false;
      /** `missing`: the client sent no token at all. */
      readonly code: 'missing' | 'refused';
      /** For the log, never for the client; holds no token. */
      readonly reason: string;
    };

/** The one gate in front of every authenticator. Nothing here throws, and every wait ends. */
export interface Guard {
  readonly name: string;
  /** `signal` may end the wait early: nobody waits for the answer any more. */
  authenticate(request: AuthenticationRequest, signal?: AbortSignal): Promise<AuthenticationResult>;
  /** Missing where the authenticator has no say in targets: then the rules alone decide. `signal` may end the wait early. */
  readonly authorize:
    | ((identity: Identity, target: TargetRequest, signal?: AbortSignal) => Promise<AuthorizationVerdict>)
    | undefined;
  close(): Promise<void>;
}

export interface GuardOptions {
  readonly authenticator: Authenticator;
  /** Milliseconds for one answer. Setting: `timeouts.decision`. */
  readonly deadline: number;
  /** Whether this is one of our own: only then may its verdict say that targets are the operator's own word. */
  readonly builtIn?: boolean;
  /** Milliseconds of a clock that only goes forward; tells a late answer of code that blocked the timer. */
  readonly clock?: () => number;
}

/** Entries of `groups` or `targets` in one verdict. */
const LIST_MAX = 1000;

/**
 * Wraps an authenticator so that it fails closed: a throw, an answer after the deadline, and an answer of any other shape
 * than the documented one deny. Each property of an answer is read once; what comes out is a copy.
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
        const answer = await ask((own) => authenticator.authenticate(request, own), options, signal);
        return { allow: true, identity: readVerdict(answer, request, name, options.builtIn === true) };
      } catch (cause) {
        return { allow: false, code: 'refused', reason: reasonOf(cause, name, token) };
      }
    },
    authorize: hasAuthorize(authenticator)
      ? async (identity, target, signal) => {
          try {
            const answer = await ask((own) => authenticator.authorize?.(identity, target, own), options, signal);
            readAllow(answer);
            return { allow: true };
          } catch (cause) {
            return { allow: false, reason: reasonOf(cause, name, '') };
          }
        }
      : undefined,
    async close() {
      await ask(() => authenticator.close?.(), options).catch(() => undefined);
    },
  };
}

/** A refusal in the authenticator's own words; everything else that is thrown is its failure, or ours. */
class Refusal extends Error {}

function hasAuthorize(authenticator: Authenticator): boolean {
  return authenticator.authorize !== undefined && authenticator.authorize !== null;
}

/** Asks once. Rejects at the deadline or when `outer` aborts, and tells the authenticator so through its signal. */
async function ask(
  question: (signal: AbortSignal) => unknown,
  { deadline, clock = () => performance.now() }: GuardOptions,
  outer?: AbortSignal,
): Promise<unknown> {
  // Made when it is needed: an error looks up where it is, which costs more than the question does.
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
    // The wrapping function turns a synchronous throw into a rejection; the race swallows a late one.
    const answer = await Promise.race([(async () => question(controller.signal))(), expired]);
    if (clock() - started > deadline) throw late();
    return answer;
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', expire);
  }
}

function readVerdict(answer: unknown, request: AuthenticationRequest, method: string, builtIn: boolean): Identity {
  const verdict = readAllow(answer);
  const { user, groups, targets, until, local } = verdict;
  if (!isPrintable(user, USER_NAME_MAX)) throw new TypeError('the user is not a printable name');
  if (until !== undefined && !(typeof until === 'number' && Number.isFinite(until) && until > request.now)) {
    throw new TypeError('the end of the session (until) is not a time to come');
  }
  return Object.freeze({
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
}

/** The answer as a record whose `allow` is exactly true. */
function readAllow(answer: unknown): Readonly<Record<string, unknown>> {
  if (typeof answer !== 'object' || answer === null) throw new TypeError('the answer is not an object');
  const record = answer as Record<string, unknown>;
  const { allow } = record;
  if (allow === true) return record;
  if (allow !== false) throw new TypeError('the answer does not say allow: true or false');
  const { reason } = record;
  throw new Refusal(typeof reason === 'string' && reason.trim() !== '' ? reason : 'refused without a reason');
}

function readList(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is not a list`);
  const { length } = value;
  if (length > LIST_MAX) throw new TypeError(`${what} has more than ${LIST_MAX} entries`);
  return Array.from({ length }, (_, index) => {
    const entry: unknown = value[index];
    if (!isPrintable(entry, USER_NAME_MAX)) throw new TypeError(`${what} holds something that is not a printable text`);
    return entry;
  });
}

function reasonOf(cause: unknown, name: string, token: string): string {
  try {
    if (cause instanceof Refusal) return toReason(cause.message, token);
    const message = cause instanceof Error ? cause.message : 'it threw something that is not an error';
    return toReason(`authenticator ${name} failed: ${message}`, token);
  } catch {
    // Even the message of a thrown error may be a getter that throws.
    return `authenticator ${name} failed`;
  }
}
