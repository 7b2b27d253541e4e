/**
 * Ends the sessions that have lost their right. Whatever takes rights away (a reload today) gives its question to
 * `revokeLost`; the answers are asked for and carried out in small steps, so that no turn of the event loop is long.
 */
import type { Loss, Right } from '../settings/access-decisions.js';

export interface Revocable {
  /**
   * What the session may do; another object when that changes. Undefined while it has nothing to lose: before it is
   * authenticated, while a decision for it is pending, and when it is ending.
   */
  readonly right: Right | undefined;
  /** Ends the session and logs the reason. */
  revoke(reason: string): void;
}

/** Returns why the right is lost, or undefined. Never rejects. */
export type LossOf = (right: Right) => Promise<Pick<Loss, 'reason'> | undefined>;

/**
 * Working time in one turn of the event loop, in milliseconds. It leaves the longest step, with a thousand rules, some
 * of the 5 ms after which data of other sessions would be late.
 */
export const TURN_MS = 2;
/**
 * Questions to a custom authenticator that wait at one time. If it does not answer, ten thousand sessions end within
 * ten deadlines; and it never gets ten thousand questions at once.
 */
export const PENDING_MAX = 1000;

/** Resolves when every session was asked about, or soon after `signal` aborts; then no further session is ended. */
export async function revokeLost(
  sessions: Iterable<Revocable>,
  lossOf: LossOf,
  signal: AbortSignal,
  clock: () => number = () => performance.now(),
): Promise<void> {
  const turns = new Turns(clock);
  let pending = 0;
  let onDone: () => void = () => undefined;
  const settle = async (session: Revocable, right: Right): Promise<void> => {
    const loss = await lossOf(right);
    if (loss !== undefined) {
      while (!turns.hasTime) await turns.next();
      // The session may have got another right, by the present decisions, while the answer was on its way.
      if (!signal.aborted && session.right === right) session.revoke(loss.reason);
    }
    pending--;
    onDone();
  };
  const below = async (count: number): Promise<void> => {
    while (pending >= count) {
      await new Promise<void>((resolve) => {
        onDone = resolve;
      });
    }
  };
  for (const session of [...sessions]) {
    await below(PENDING_MAX);
    while (!turns.hasTime) await turns.next();
    const { right } = session;
    if (signal.aborted) break;
    if (right === undefined) continue;
    pending++;
    // An answer that needs no other process arrives in this turn, and belongs to its working time.
    await Promise.race([settle(session, right), turns.next()]);
  }
  await below(1);
}

/** Divides work into turns of the event loop. */
class Turns {
  readonly #clock: () => number;
  #started: number;
  #next: Promise<void> | undefined;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#started = clock();
  }

  /**
   * Whether there is working time left. INVARIANT: nothing is awaited between this and the work; else everyone who waits
   * would find time left before anyone has used it.
   */
  get hasTime(): boolean {
    return this.#clock() - this.#started < TURN_MS;
  }

  /** Resolves in the next turn. */
  next(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        this.#started = this.#clock();
        resolve();
      });
    });
    return this.#next;
  }
}
