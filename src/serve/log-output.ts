/**
 * Writes the lines of the log without ever waiting for their reader: a pipe that nobody reads, a stopped terminal or a
 * slow disk delays no session. What waits is limited, and lines beyond the limit are dropped and counted.
 */

/** Where the lines go. */
export interface LogDescriptor {
  /**
   * Takes bytes from the start of `data` without waiting. Returns how many; 0 if it takes none at the moment. Throws the
   * errors of the system.
   */
  write(data: Buffer): number;
  /** Like `write`, but while the process exits: nothing is left to a later turn of the event loop. */
  writeAtExit(data: Buffer): number;
}

/** What a descriptor reports, during a `write` or later. */
export interface DescriptorEvents {
  /** Bytes that it took were written, or were lost. */
  readonly written: (isWritten: boolean) => void;
  /** It takes bytes again. Never called during a `write`. */
  readonly ready: () => void;
}

/** In bytes: several thousand lines, which is some seconds of a busy gateway. A process has one such queue. */
export const LOG_QUEUE_MAX = 1024 * 1024;
/**
 * A descriptor that would block is tried again after this time. Nobody reads the log faster than that notices, and
 * twenty system calls a second cost nothing.
 */
const RETRY_MS = 50;
/** Lines before the head of the queue are removed in blocks, since each removal moves all lines behind it. */
const COMPACT_LINES = 1024;

export class LogOutput {
  readonly #descriptor: LogDescriptor;
  #lines: Buffer[] = [];
  /** Index of the first line that waits. */
  #head = 0;
  #bytes = 0;
  /** Whether lines are dropped until the queue is empty. */
  #isFull = false;
  #dropped = 0;
  /** Whether the last bytes could be written. */
  #works = true;
  #report: ((lines: number) => void) | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param open opens the descriptor. */
  constructor(open: (events: DescriptorEvents) => LogDescriptor) {
    this.#descriptor = open({ ready: () => this.#pump(), written: (isWritten) => this.#settle(isWritten) });
  }

  /** Sets the function that logs how many lines were dropped. It is called when lines can be written again. */
  reportTo(report: (lines: number) => void): void {
    this.#report = report;
  }

  /** Writes a line, or keeps it until the descriptor takes it, or drops it. Never throws and never waits. */
  readonly write = (line: string): void => {
    const data = Buffer.from(line);
    if (this.#isFull || this.#bytes + data.length > LOG_QUEUE_MAX) {
      this.#isFull = this.#bytes > 0;
      this.#dropped++;
      return;
    }
    this.#lines.push(data);
    this.#bytes += data.length;
    if (this.#lines.length - this.#head === 1) this.#pump();
  };

  /** Bytes that wait. */
  get waiting(): number {
    return this.#bytes;
  }

  /** Resolves when nothing waits, or after `ms`. */
  async flush(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (this.#bytes > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Writes what the descriptor takes at once, when the process exits. */
  readonly exit = (): void => this.#take((data) => this.#descriptor.writeAtExit(data));

  #pump(): void {
    clearTimeout(this.#retry);
    this.#take((data) => this.#descriptor.write(data));
    if (this.#bytes > 0) this.#retry = setTimeout(() => this.#pump(), RETRY_MS).unref();
    else this.#emptied();
  }

  /** Writes from the queue until it is empty or `write` takes no more. */
  #take(write: (data: Buffer) => number): void {
    for (let data = this.#lines[this.#head]; data !== undefined; data = this.#lines[this.#head]) {
      const taken = this.#attempt(write, data);
      this.#bytes -= taken;
      if (taken < data.length) {
        this.#lines[this.#head] = data.subarray(taken);
        if (taken === 0) return;
      } else if (++this.#head >= COMPACT_LINES) {
        this.#lines.splice(0, this.#head);
        this.#head = 0;
      }
    }
    this.#lines = [];
    this.#head = 0;
  }

  /** A line that cannot be written is dropped: its disk may have space for later ones. */
  #attempt(write: (data: Buffer) => number, data: Buffer): number {
    try {
      return write(data);
    } catch {
      this.#settle(false);
      return data.length;
    }
  }

  #settle(isWritten: boolean): void {
    this.#works = isWritten;
    if (!isWritten) this.#dropped++;
  }

  #emptied(): void {
    this.#isFull = false;
    if (this.#dropped === 0 || !this.#works || this.#report === undefined) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#report(lines);
  }
}
