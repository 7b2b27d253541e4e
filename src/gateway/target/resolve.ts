/**
 * Lookups with the system's resolver: one lookup for a name at a time, shared by all sessions, and limits for names that do
 * not answer.
 */
import { lookup } from 'node:dns/promises';

/** Returns the addresses of a name in the system's order; rejects when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const systemLookup: Lookup = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/** What is known about a name when its lookup is requested: no answer lately, nothing, or an answer lately. */
const STANDING = { silent: 0, unknown: 1, answered: 2 } as const;
type Standing = (typeof STANDING)[keyof typeof STANDING];

/**
 * How many lookups may be in progress at once, by standing; each limit includes the lookups of the lower standings. The thread
 * pool runs 16 lookups at once, and a lookup that no name server answers holds its thread for 10 to 30 s. So names without an
 * answer get a quarter of the threads, and a quarter is left to names that have answered lately, whatever else is requested.
 * `zone` is the parent domain: usually all names of a zone have the same name servers.
 */
const LIMITS = {
  all: [4, 12, 16],
  user: [1, 3, 4],
  zone: [2, 6, 16],
} as const;
/** How many lookups of unknown names one user may have in progress. */
export const LOOKUPS_PER_USER = LIMITS.user[STANDING.unknown];

/** In milliseconds. Name servers answer within one second, or the resolver asks the next one after five. */
export const SILENT_AFTER_MS = 2000;
/** In milliseconds. Short, because a name server that works again must not be held back for long. */
export const SILENT_FOR_MS = 60_000;
/** In milliseconds. Long enough that users who reconnect during an outage of other names count as known. */
const ANSWERED_FOR_MS = 3_600_000;
/** A few hundred bytes each. The oldest are forgotten, and then count as unknown. */
const HISTORY_MAX = 4096;

/** The names that answered lately, and the names and users of lookups that were not answered lately. */
class History {
  readonly #entries = new Map<string, { readonly standing: Standing; readonly until: number }>();

  set(key: string, standing: Standing, until: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { standing, until });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > HISTORY_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  get(key: string, now: number): Standing {
    const entry = this.#entries.get(key);
    if (entry === undefined) return STANDING.unknown;
    if (entry.until > now) return entry.standing;
    this.#entries.delete(key);
    return STANDING.unknown;
  }
}

interface Request {
  readonly host: string;
  readonly user: string;
  readonly zone: string;
}

interface Running extends Request {
  readonly standing: Standing;
  readonly started: number;
}

/** Decides which lookups may run. `now` returns milliseconds of a monotonic clock. */
class Admission {
  readonly #now: () => number;
  readonly #history = new History();
  readonly #running = new Set<Running>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns the lookup, which counts until `end`, or undefined if it has to wait. */
  start(request: Request): Running | undefined {
    const now = this.#now();
    const standing = this.#standingOf(request, now);
    const running = [...this.#running].map((one) => ({
      ...one,
      standing: now - one.started > SILENT_AFTER_MS ? STANDING.silent : one.standing,
    }));
    const groups = [
      [LIMITS.all, running],
      [LIMITS.user, running.filter(({ user }) => user === request.user)],
      [LIMITS.zone, running.filter(({ zone }) => zone === request.zone)],
    ] as const;
    const isFull = groups.some(([limits, group]) =>
      limits.some((limit, of) => of >= standing && group.filter((one) => one.standing <= of).length >= limit),
    );
    if (isFull) return undefined;
    const started: Running = { ...request, standing, started: now };
    this.#running.add(started);
    return started;
  }

  /** `found`: whether the name has addresses. */
  end(lookup: Running, found: boolean): void {
    const now = this.#now();
    this.#running.delete(lookup);
    if (now - lookup.started > SILENT_AFTER_MS) {
      this.#history.set(`name ${lookup.host}`, STANDING.silent, now + SILENT_FOR_MS);
      this.#history.set(`user ${lookup.user}`, STANDING.silent, now + SILENT_FOR_MS);
    } else if (found) {
      this.#history.set(`name ${lookup.host}`, STANDING.answered, now + ANSWERED_FOR_MS);
    } else {
      this.#history.forget(`name ${lookup.host}`);
    }
  }

  /** A user whose lookups were not answered lately may have more names of the same kind. */
  #standingOf({ host, user }: Request, now: number): Standing {
    const name = this.#history.get(`name ${host}`, now);
    return name === STANDING.unknown ? this.#history.get(`user ${user}`, now) : name;
  }
}

/**
 * A lookup cannot be cancelled and holds a thread until it ends. So sessions share the lookup of one name, and lookups that are
 * likely to hold a thread for long get a part of the threads only.
 */
export function sharedLookup(
  lookUp: Lookup = systemLookup,
  now: () => number = () => performance.now(),
): (host: string, user: string, signal: AbortSignal) => Promise<readonly string[]> {
  const admission = new Admission(now);
  const pending = new Map<string, Promise<readonly string[]>>();
  /** Needs no limit: every waiter is a session, which waits once and for as long as its decision may take. */
  const waiting = new Set<() => boolean>();

  const start = (request: Request): Promise<readonly string[]> | undefined => {
    const lookup = admission.start(request);
    if (lookup === undefined) return undefined;
    const finish = (found: boolean): void => {
      admission.end(lookup, found);
      pending.delete(request.host);
      for (const retry of waiting) if (retry()) waiting.delete(retry);
    };
    const answer = lookUp(request.host);
    answer.then(
      ({ length }) => finish(length > 0),
      () => finish(false),
    );
    pending.set(request.host, answer);
    return answer;
  };

  return async (host, user, signal) => {
    const zone = host.includes('.') ? host.slice(host.indexOf('.') + 1) : '';
    const obtain = () => pending.get(host) ?? start({ host, user, zone });
    if (!pending.has(host)) signal.throwIfAborted();
    return await (obtain() ?? waitFor(obtain, waiting, signal));
  };
}

/** Waits until `obtain` returns a lookup. Rejects when `signal` aborts before. */
function waitFor<T>(
  obtain: () => Promise<T> | undefined,
  waiting: Set<() => boolean>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const retry = (): boolean => {
      const answer = obtain();
      if (answer === undefined) return false;
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
      return true;
    };
    const onAbort = (): void => {
      waiting.delete(retry);
      reject(signal.reason);
    };
    waiting.add(retry);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
