/**
 * Reports the state of `rdgw serve` to the service manager (sd_notify). Node has no Unix datagram sockets, so systemd's
 * own program systemd-notify sends the messages. Without that program or without a service manager nothing happens.
 */
import { type ExecFileException, execFile } from 'node:child_process';
import type { ServiceManager } from '../cli/environment.js';
import type { Log } from '../gateway/report/log.js';

export interface NotifierOptions {
  /** Undefined if no service manager expects notifications. */
  readonly manager: ServiceManager | undefined;
  readonly log: Log;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  /**
   * The watchdog is notified only while this is true. A restart ends every session, so only faults that a restart fixes
   * may count.
   */
  readonly isAlive: () => boolean;
}

/**
 * Often enough for people who read the status. With a watchdog the status goes along with its more frequent messages.
 */
const STATUS_EVERY_MS = 30_000;
/** systemd-notify itself waits up to 5 s until the manager has read the message. */
const PROGRAM_TIMEOUT_MS = 6_000;
const PROGRAM = 'systemd-notify';

export class Notifier {
  readonly #options: NotifierOptions;
  #isOn: boolean;
  /** Sends one message at a time, in order. */
  #last: Promise<void> = Promise.resolve();
  #isTicking = false;
  #isStopping = false;
  #lastStatus: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#isOn = options.manager !== undefined;
    if (!this.#isOn) options.log.event('systemd.absent');
  }

  /** The port is open: called at the start, and after every reload. The first call starts the watchdog messages. */
  ready(): Promise<void> {
    if (this.#isStopping) return this.#last;
    const { watchdogMs } = this.#options.manager ?? {};
    // Half of the watchdog's time, as sd_watchdog_enabled(3) recommends. The timer fires only while the event loop
    // runs.
    const everyMs = watchdogMs === undefined ? STATUS_EVERY_MS : watchdogMs / 2;
    if (this.#isOn) this.#timer ??= setInterval(() => void this.#tick(), everyMs).unref();
    return this.#send('READY=1', ...this.#status());
  }

  reloading(): Promise<void> {
    return this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): Promise<void> {
    this.#isStopping = true;
    return this.#send('STOPPING=1', ...this.#status());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#isOn = false;
  }

  async #tick(): Promise<void> {
    // Skip instead of queueing messages for a manager that reads slowly.
    if (this.#isTicking) return;
    this.#isTicking = true;
    const { manager, isAlive } = this.#options;
    const keepAlive = manager?.watchdogMs !== undefined && isAlive() ? ['WATCHDOG=1'] : [];
    await this.#send(...keepAlive, ...this.#status());
    this.#isTicking = false;
  }

  #status(): readonly string[] {
    const status = this.#options.status();
    if (status === this.#lastStatus) return [];
    this.#lastStatus = status;
    return [`STATUS=${status}`];
  }

  #send(...variables: readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => (this.#isOn && variables.length > 0 ? this.#run(variables) : undefined));
    return this.#last;
  }

  /** Never rejects: the gateway also runs without notifications. */
  #run(variables: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      // An unprivileged process cannot send in the name of another PID. systemd-notify then sends in its own, which is
      // why a unit needs NotifyAccess=all.
      const args = [`--pid=${process.pid}`, ...variables];
      execFile(PROGRAM, args, { timeout: PROGRAM_TIMEOUT_MS }, (error) => {
        if (error) this.#logFailure(error);
        resolve();
      });
    });
  }

  #logFailure(error: ExecFileException): void {
    const reason = String(error.code ?? error.signal ?? error.message);
    this.#options.log.event('systemd.failed', { reason });
    if (error.code === 'ENOENT') this.close();
  }
}
