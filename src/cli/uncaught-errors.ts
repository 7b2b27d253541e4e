/** Errors that nobody caught and nobody awaited. A command that runs for long may take them; any other one ends. */

type Taker = (error: unknown) => void;

let taker: Taker | undefined;
let isTaking = false;

/** From now on stray errors go here, and the process goes on. */
export function catchUncaughtErrors(take: Taker): void {
  taker = take;
}

/** Whether the process goes on whatever happens in some corner of it. */
export function goesOn(): boolean {
  return taker !== undefined;
}

/** Whether somebody took it. What goes wrong while one is taken is not taken again: that would never end. */
export function handOver(error: unknown): boolean {
  if (taker === undefined) return false;
  if (isTaking) return true;
  isTaking = true;
  try {
    taker(error);
  } finally {
    isTaking = false;
  }
  return true;
}

export interface UncaughtErrorFacts {
  readonly kind: string;
  readonly at: string | undefined;
  /** How many there were so far. */
  readonly total: number;
}

/** Strays that are told each; of those behind them one in TOLD_ONE_OF: a log is no place for a flood. */
const TOLD_EACH = 10;
const TOLD_ONE_OF = 1000;

/** Tells of stray errors once there is somebody to tell, and not too often. */
export class UncaughtErrors {
  #tell: ((facts: UncaughtErrorFacts) => void) | undefined;
  readonly #early: UncaughtErrorFacts[] = [];
  #total = 0;

  readonly take = (error: unknown): void => {
    this.#total++;
    if (this.#total > TOLD_EACH && this.#total % TOLD_ONE_OF !== 0) return;
    const facts = { ...uncaughtErrorFacts(error), total: this.#total };
    if (this.#tell) this.#tell(facts);
    else if (this.#early.length < TOLD_EACH) this.#early.push(facts);
  };

  report(tell: (facts: UncaughtErrorFacts) => void): void {
    this.#tell = tell;
    for (const facts of this.#early.splice(0)) tell(facts);
  }
}

/** What kind of error it is and where it comes from. Never its message: what went wrong far away may quote a token. */
export function uncaughtErrorFacts(error: unknown): Omit<UncaughtErrorFacts, 'total'> {
  try {
    if (!(error instanceof Error)) return { kind: typeof error, at: undefined };
    // Node's own wrapping of a rejection with something that is no error.
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNHANDLED_REJECTION')
      return { kind: 'rejection', at: undefined };
    const { message } = error;
    const stack = String(error.stack);
    // The message stands in front of the frames, and may look like one.
    const frames = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : '';
    const [, at] = /^ {4}at (?:.*\()?((?!node:)[^()\s]+:\d+:\d+)\)?$/m.exec(frames) ?? [];
    const { name } = error.constructor;
    return { kind: /^[A-Z]\w{0,40}Error$|^Error$/.test(name) ? name : 'Error', at };
  } catch {
    // Even these may be getters that throw.
    return { kind: 'unknown', at: undefined };
  }
}
