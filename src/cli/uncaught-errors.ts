/** Uncaught exceptions and rejections. A long-running command may handle them; any other command ends. */

type Handler = (error: unknown) => void;

let handler: Handler | undefined;
let isHandling = false;

/** Sets the handler of uncaught errors. From then on they do not end the process. */
export function catchUncaughtErrors(handle: Handler): void {
  handler = handle;
}

/** Whether the process survives uncaught errors. */
export function hasUncaughtErrorHandler(): boolean {
  return handler !== undefined;
}

/**
 * Passes an error to the handler. Returns false without a handler. An error inside the handler is dropped, which
 * prevents an endless loop.
 */
export function handleUncaughtError(error: unknown): boolean {
  if (handler === undefined) return false;
  if (isHandling) return true;
  isHandling = true;
  try {
    handler(error);
  } finally {
    isHandling = false;
  }
  return true;
}

export interface UncaughtErrorFacts {
  readonly kind: string;
  readonly at: string | undefined;
  /** Number of uncaught errors so far, this one included. */
  readonly total: number;
}

/** The first REPORT_FIRST errors are all reported, then one in THEN_ONE_OF, to limit the size of the log. */
const REPORT_FIRST = 10;
const THEN_ONE_OF = 1000;

/** Counts uncaught errors and reports them at a limited rate. Holds the first ones until a reporter is set. */
export class UncaughtErrors {
  #report: ((facts: UncaughtErrorFacts) => void) | undefined;
  readonly #early: UncaughtErrorFacts[] = [];
  #total = 0;

  readonly handle = (error: unknown): void => {
    this.#total++;
    if (this.#total > REPORT_FIRST && this.#total % THEN_ONE_OF !== 0) return;
    const facts = { ...uncaughtErrorFacts(error), total: this.#total };
    if (this.#report) this.#report(facts);
    else if (this.#early.length < REPORT_FIRST) this.#early.push(facts);
  };

  /** Sets the reporter and passes the errors held so far to it. */
  reportTo(report: (facts: UncaughtErrorFacts) => void): void {
    this.#report = report;
    for (const facts of this.#early.splice(0)) report(facts);
  }
}

/** The class of an error and its source position. The message is left out because it may quote a token. */
export function uncaughtErrorFacts(error: unknown): Omit<UncaughtErrorFacts, 'total'> {
  try {
    if (!(error instanceof Error)) return { kind: typeof error, at: undefined };
    // Node wraps a rejection whose reason is not an Error.
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNHANDLED_REJECTION')
      return { kind: 'rejection', at: undefined };
    const { message } = error;
    const stack = String(error.stack);
    // The message precedes the stack frames and may resemble one.
    const frames = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : '';
    const [, at] = /^ {4}at (?:.*\()?((?!node:)[^()\s]+:\d+:\d+)\)?$/m.exec(frames) ?? [];
    const { name } = error.constructor;
    return { kind: /^[A-Z]\w{0,40}Error$|^Error$/.test(name) ? name : 'Error', at };
  } catch {
    // The properties above may be getters that throw.
    return { kind: 'unknown', at: undefined };
  }
}
