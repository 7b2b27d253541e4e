/** The way to the target: one connection at a time, what waits to be taken by it, and what is left of the one before. */
import { StallDetector } from '../io/stall.js';
import type { Relay, RelayEvents } from '../target/relay.js';

/** What a former target may take to go: with the time for the next one it has to fit into the 30 s that a client waits. */
const FORMER_MS = 3_000;

/** In milliseconds. */
export interface UplinkTimeouts {
  /** How long a target may take nothing of what waits for it. */
  readonly stall: number;
  /** How long one may take to go once everything is said. */
  readonly close: number;
}

export class Uplink {
  readonly #timeouts: UplinkTimeouts;
  #relay: Relay | undefined;
  #former: Relay | undefined;
  /** Cuts the former one, for the next. */
  #cutting: NodeJS.Timeout | undefined;
  #stall: StallDetector;
  #full = false;

  constructor(timeouts: UplinkTimeouts) {
    this.#timeouts = timeouts;
    this.#stall = new StallDetector(timeouts.stall);
  }

  get isUp(): boolean {
    return this.#relay !== undefined;
  }

  /** Whether the client should be read no more until `drain`. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether the target has taken nothing for too long, as far as the looks so far can tell. */
  hasStalled(now: number): boolean {
    return this.#relay !== undefined && this.#stall.stalled(this.#relay, now);
  }

  /** Takes over a connection, of which nothing is heard before `open`. */
  take(relay: Relay): void {
    this.#relay = relay;
    this.#stall = new StallDetector(this.#timeouts.stall);
  }

  /** From now on events are delivered, and bytes behind the next `resume`. */
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

  /** No event follows. */
  drop(lingerMs = this.#timeouts.close): void {
    if (this.#relay === undefined) return;
    this.#relay.end(lingerMs);
    this.#former = this.#relay;
    this.#relay = undefined;
    this.#full = false;
  }

  /**
   * Makes room for the next target.
   * INVARIANT: one connection at a time. Channel after channel would leave more of them behind than anybody counts.
   */
  async clear(): Promise<void> {
    const former = this.#former;
    if (former === undefined) return;
    this.#cutting = setTimeout(() => former.end(0), FORMER_MS);
    await former.gone();
    clearTimeout(this.#cutting);
    this.#former = undefined;
  }

  /** Calls back when nothing is left of the connection that was dropped: what the client sent last may still be on its way there. */
  onceGone(release: () => void): void {
    // Nobody waits for the next one any more.
    clearTimeout(this.#cutting);
    if (this.#former) void this.#former.gone().then(release);
    else release();
  }
}
