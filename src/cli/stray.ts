/** Errors that nobody caught and nobody awaited. A command that runs for long may take them; any other one ends. */

type Taker = (error: unknown) => void;

let taker: Taker | undefined;

/** From now on stray errors go here, and the process goes on. */
export function takeStrays(take: Taker): void {
  taker = take;
}

/** Whether somebody took it. */
export function handOver(error: unknown): boolean {
  if (taker === undefined) return false;
  taker(error);
  return true;
}

/** What kind of error it is and where it comes from. Never its message: what went wrong far away may quote a token. */
export function strayFacts(error: unknown): { readonly kind: string; readonly at: string | undefined } {
  try {
    if (!(error instanceof Error)) return { kind: typeof error, at: undefined };
    const { message } = error;
    const stack = String(error.stack);
    // The message stands in front of the frames, and may look like one.
    const frames = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : '';
    const [, at] = /^ {4}at (?:.*\()?([^()\s]+:\d+:\d+)\)?$/m.exec(frames) ?? [];
    return { kind: error.constructor.name, at };
  } catch {
    // Even these may be getters that throw.
    return { kind: 'unknown', at: undefined };
  }
}
