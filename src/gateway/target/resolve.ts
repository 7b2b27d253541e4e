/** The system's resolver, asked once for a name however many sessions want it at the same time. */
import { lookup } from 'node:dns/promises';

/** Addresses of a name in the system's order; rejects when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const ofTheSystem: Lookup = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * Look-ups that one user may have under way. The pool has threads for sixteen, and one that nobody answers holds its thread for half a
 * minute: whoever asks for names of a dead zone leaves a quarter to others, and beyond it waits for himself.
 */
export const TURNS = 12;

/** Who has how many turns, and who waits for one. */
class Turns {
  /** Those who wait are sessions, each once and for as long as its decision may take: they need no cap of their own. */
  readonly #users = new Map<string, { taken: number; readonly waiting: Set<() => void> }>();

  /** Rejects when `signal` aborts before the turn has come. */
  async take(user: string, signal: AbortSignal): Promise<void> {
    const own = this.#users.get(user) ?? { taken: 0, waiting: new Set() };
    this.#users.set(user, own);
    if (own.taken < TURNS) {
      own.taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        own.waiting.delete(turn);
        reject(signal.reason);
      };
      own.waiting.add(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the turn on to who waits longest. */
  giveBack(user: string): void {
    const own = this.#users.get(user);
    if (own === undefined) return;
    const [next] = own.waiting;
    if (next) {
      own.waiting.delete(next);
      return next();
    }
    own.taken -= 1;
    if (own.taken === 0) this.#users.delete(user);
  }
}

/** A look-up cannot be taken back and holds a thread until it ends: nobody may hold many of them, with one name or with many. */
export function sharedLookup(
  ask: Lookup = ofTheSystem,
): (host: string, user: string, signal: AbortSignal) => Promise<readonly string[]> {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const turns = new Turns();
  const begin = (host: string): Promise<readonly string[]> => {
    const own = ask(host).finally(() => underWay.delete(host));
    underWay.set(host, own);
    return own;
  };
  return async (host, user, signal) => {
    const other = underWay.get(host);
    if (other) return other;
    signal.throwIfAborted();
    await turns.take(user, signal);
    try {
      return await (underWay.get(host) ?? begin(host));
    } finally {
      turns.giveBack(user);
    }
  };
}
