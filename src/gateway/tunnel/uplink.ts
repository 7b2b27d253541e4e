/** The direction from the client to the target: the current connection, and the former one until it is closed. */
import { StallDetector } from '../io/stall.js';
import type { Relay, RelayEvents } from '../target/relay.js';

/**
 * Time for a former connection to close: together with opening the next target it must fit into the 30 s that a client
 * waits.
 */
const FORMER_MS = 3_000;

/** In milliseconds. */
export interface UplinkTimeouts {
  /** How long a target may take nothing while bytes wait for it. */
  readonly stall: number;
  /** How long a target may take to close its connection after everything was sent. */
  readonly close: number;
}

export class Uplink {
  readonly #timeouts: UplinkTimeouts;
  #relay: Relay | undefined;
  #former: Relay | undefined;
  /** Cuts the former connection when it delays the next one. */
  #cutTimer: NodeJS.Timeout | undefined;
  #stall: StallDetector;
  #full = false;

  constructor(timeouts: UplinkTimeouts) {
    this.#timeouts = timeouts;
    this.#stall = new StallDetector(timeouts.stall);
  }

  get isUp(): boolean {
    return this.#relay !== undefined;
  }

  /** Whether reading from the client should pause until `drain`. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether the target has stalled, as far as the checks so far show. */
  hasStalled(now: number): boolean {
    return this.#relay !== undefined && this.#stall.stalled(this.#relay, now);
  }

  /** Takes over a connection. It delivers no event before `open`. */
  take(relay: Relay): void {
    this.#relay = relay;
    this.#stall = new StallDetector(this.#timeouts.stall);
  }

  /** Starts the delivery of events; bytes follow after the next `resume`. */
  open(events: RelayEvents): void {
    const drain = (): void => {
      this.#full = false;
      events.drain();
    };
    this.#relay?.open({ ...events, drain });
  }

  write(bytes: Buffer): void {
    if (this.#relay?.write(bytes) === false) this.#full = true;
  }

  pause(): void {
    this.#relay?.pause();
  }

  resume(): void {
    this.#relay?.resume();
  }

  /** Ends the connection. No event follows. */
  drop(lingerMs = this.#timeouts.close): void {
    if (this.#relay === undefined) return;
    this.#relay.end(lingerMs);
    this.#former = this.#relay;
    this.#relay = undefined;
    this.#full = false;
  }

  /**
   * Waits until the former connection is closed, and cuts it after FORMER_MS.
   * INVARIANT: one connection at a time. A client that opens channel after channel would otherwise hold connections
   * that no limit counts.
   */
  async clear(): Promise<void> {
    const former = this.#former;
    if (former === undefined) return;
    this.#cutTimer = setTimeout(() => former.end(0), FORMER_MS);
    await former.closed();
    clearTimeout(this.#cutTimer);
    this.#former = undefined;
  }

  /**
   * Calls `release` when the dropped connection is closed: the client's last bytes may still be on their way to the
   * target.
   */
  onceClosed(release: () => void): void {
    // No further connection follows, so the former one keeps its full time.
    clearTimeout(this.#cutTimer);
    if (this.#former) void this.#former.closed().then(release);
    else release();
  }
}
