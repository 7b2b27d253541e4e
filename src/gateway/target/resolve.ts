/**
 * Lookups with the system's resolver: one lookup for a name at a time, shared by all sessions, and a limit for each
 * user.
 */
import { lookup } from 'node:dns/promises';

/** Returns the addresses of a name in the system's order; rejects when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const systemLookup: Lookup = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * Lookups that one user may have in progress. The thread pool has 16 threads, and a lookup that no name server answers
 * holds its thread for 30 s: a user who asks for names of an unreachable zone leaves a quarter of the threads to
 * others, and further lookups wait.
 */
export const LOOKUPS_PER_USER = 12;

/** Limits the lookups of each user to LOOKUPS_PER_USER. */
class LookupSlots {
  /** `waiting` needs no limit: every waiter is a session, which waits once and for as long as its decision may take. */
  readonly #users = new Map<string, { taken: number; readonly waiting: Set<() => void> }>();

  /** Waits for a slot. Rejects when `signal` aborts before one is free. */
  async take(user: string, signal: AbortSignal): Promise<void> {
    const slots = this.#users.get(user) ?? { taken: 0, waiting: new Set() };
    this.#users.set(user, slots);
    if (slots.taken < LOOKUPS_PER_USER) {
      slots.taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onFree = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        slots.waiting.delete(onFree);
        reject(signal.reason);
      };
      slots.waiting.add(onFree);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Gives the slot to the caller that has waited longest, or frees it. */
  release(user: string): void {
    const slots = this.#users.get(user);
    if (slots === undefined) return;
    const [next] = slots.waiting;
    if (next) {
      slots.waiting.delete(next);
      return next();
    }
    slots.taken -= 1;
    if (slots.taken === 0) this.#users.delete(user);
  }
}

/**
 * A lookup cannot be cancelled and holds a thread until it ends, so sessions share those of one name, and each user has
 * a limit.
 */
export function sharedLookup(
  lookUp: Lookup = systemLookup,
): (host: string, user: string, signal: AbortSignal) => Promise<readonly string[]> {
  const pending = new Map<string, Promise<readonly string[]>>();
  const slots = new LookupSlots();
  const start = (host: string): Promise<readonly string[]> => {
    const addresses = lookUp(host).finally(() => pending.delete(host));
    pending.set(host, addresses);
    return addresses;
  };
  return async (host, user, signal) => {
    const shared = pending.get(host);
    if (shared) return shared;
    signal.throwIfAborted();
    await slots.take(user, signal);
    try {
      return await (pending.get(host) ?? start(host));
    } finally {
      slots.release(user);
    }
  };
}
