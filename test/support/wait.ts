/** Waits for conditions that change with events. */
export class Signal {
  #waiting: (() => void)[] = [];

  /** Makes all waiting callers check their conditions again. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Polls a condition for which there is no event. The timeout of the test is the only limit. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
