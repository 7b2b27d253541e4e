/**
 * Tells the service manager how `rdgw serve` is (sd_notify). Node has no datagram sockets of the Unix kind, so systemd's own
 * program says it for us; where there is none, or nobody listens, nothing happens.
 */
import { type ExecFileException, execFile } from 'node:child_process';
import type { ServiceManager } from '../cli/environment.js';
import type { Log } from '../gateway/report/log.js';

export interface NotifierOptions {
  /** Undefined when no service manager listens. */
  readonly manager: ServiceManager | undefined;
  readonly log: Log;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  /** Without it the watchdog gets no sign of life. A restart ends every session, so only what a restart mends may count. */
  readonly isAlive: () => boolean;
}

/** Often enough for somebody who looks; a watchdog that asks for more is told along the way. */
const STATUS_EVERY_MS = 30_000;
/** systemd-notify itself waits 5 s for the manager to have read it. */
const PROGRAM_TIMEOUT_MS = 6_000;
const PROGRAM = 'systemd-notify';

export class Notifier {
  readonly #options: NotifierOptions;
  #isOn: boolean;
  /** One message at a time, in their order. */
  #last: Promise<void> = Promise.resolve();
  #isTicking = false;
  #isStopping = false;
  #told: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#isOn = options.manager !== undefined;
    if (!this.#isOn) options.log.debug('no service manager listens');
  }

  /** The port is open: at the start, and again behind every reload. Signs of life begin with the first time. */
  ready(): Promise<void> {
    if (this.#isStopping) return this.#last;
    const { watchdogMs } = this.#options.manager ?? {};
    // At half of the time, as sd_watchdog_enabled(3) asks. The timer fires only while the event loop turns.
    const everyMs = watchdogMs === undefined ? STATUS_EVERY_MS : watchdogMs / 2;
    if (this.#isOn) this.#timer ??= setInterval(() => void this.#tick(), everyMs).unref();
    return this.#tell('READY=1', ...this.#status());
  }

  reloading(): Promise<void> {
    return this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): Promise<void> {
    this.#isStopping = true;
    return this.#tell('STOPPING=1', ...this.#status());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#isOn = false;
  }

  async #tick(): Promise<void> {
    // A manager that is slow to read gets no queue of messages.
    if (this.#isTicking) return;
    this.#isTicking = true;
    const { manager, isAlive } = this.#options;
    const beat = manager?.watchdogMs !== undefined && isAlive() ? ['WATCHDOG=1'] : [];
    await this.#tell(...beat, ...this.#status());
    this.#isTicking = false;
  }

  #status(): readonly string[] {
    const status = this.#options.status();
    if (status === this.#told) return [];
    this.#told = status;
    return [`STATUS=${status}`];
  }

  #tell(...words: readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => (this.#isOn && words.length > 0 ? this.#run(words) : undefined));
    return this.#last;
  }

  /** Never rejects: a gateway that cannot report goes on all the same. */
  #run(words: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      // In our name where we may do that; else in its own, which is why a unit needs NotifyAccess=all.
      const args = [`--pid=${process.pid}`, ...words];
      execFile(PROGRAM, args, { timeout: PROGRAM_TIMEOUT_MS }, (error) => {
        if (error) this.#tellFailure(error);
        resolve();
      });
    });
  }

  #tellFailure(error: ExecFileException): void {
    const reason = String(error.code ?? error.signal ?? error.message);
    this.#options.log.debug('the service manager was not told', { reason });
    if (error.code === 'ENOENT') this.close();
  }
}
