/**
 * Limits the TLS handshakes that start in a second. One above the rate waits. The networks take turns, so that a flood
 * of handshakes from one of them delays the others by one handshake each.
 */
import type { Config } from '../../config/schema.js';
import { Fifo, type Place } from './fifo.js';
import { Rate } from './rate.js';

export type HandshakeRates = Pick<Config['limits'], 'handshakeRate' | 'handshakeRatePerAddress'>;

export interface HandshakeQueueOptions {
  readonly rates: HandshakeRates;
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** A handshake that has not started yet. */
export interface WaitingHandshake {
  /** Leaves the queue. Does nothing when the handshake has started. */
  cancel(): void;
}

/** A quarter of a second's handshakes may start at once: they take about an eighth of a second, which nobody notices. */
const BURST_SECONDS = 0.25;
/** An office may open all its sessions at once. */
const BURST_SECONDS_PER_ADDRESS = 1;
/** Interval at which waiting handshakes start: a few at a time, between which sessions are served. */
const INTERVAL_MS = 20;
/** The key of the bucket of the whole. */
const ALL = 'all';
/** The key of all connections that belong to no network. */
const NO_NETWORK = '';

interface Waiting {
  readonly start: () => void;
  /** Its place in the queue of its network. Undefined when it has left the queue. */
  place: Place<Waiting> | undefined;
}

export class HandshakeQueue {
  readonly #now: () => number;
  readonly #total = new Rate(1, 1);
  readonly #perNetwork = new Rate(1, 1);
  /** The networks with waiting handshakes, in the order of their turns. */
  readonly #waiting = new Map<string, Fifo<Waiting>>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ rates, now }: HandshakeQueueOptions) {
    this.#now = now;
    this.adjust(rates);
  }

  adjust({ handshakeRate, handshakeRatePerAddress }: HandshakeRates): void {
    this.#total.adjust(handshakeRate, handshakeRate * BURST_SECONDS);
    this.#perNetwork.adjust(handshakeRatePerAddress, handshakeRatePerAddress * BURST_SECONDS_PER_ADDRESS);
  }

  /**
   * Calls `start` when the handshake may start: at once (then the result is undefined) or later. A network of undefined
   * has no share of its own.
   */
  add(network: string | undefined, start: () => void): WaitingHandshake | undefined {
    const key = network ?? NO_NETWORK;
    if (this.#waiting.size === 0 && this.#take(key)) {
      start();
      return undefined;
    }
    const fifo = this.#waiting.get(key) ?? new Fifo<Waiting>();
    this.#waiting.set(key, fifo);
    const waiting: Waiting = { start, place: undefined };
    waiting.place = fifo.push(waiting);
    this.#timer ??= setTimeout(() => this.#run(), INTERVAL_MS).unref();
    return { cancel: () => this.#remove(key, waiting) };
  }

  /** Starts what the rates allow: one handshake of each network in turn. */
  #run(): void {
    this.#timer = undefined;
    /** Networks in a row whose own rate is used up. */
    let resting = 0;
    while (resting < this.#waiting.size && this.#total.allows(ALL, this.#now())) {
      const [key, fifo] = this.#waiting.entries().next().value as [string, Fifo<Waiting>];
      this.#waiting.delete(key);
      this.#waiting.set(key, fifo);
      const waiting = fifo.first as Waiting;
      if (this.#take(key)) {
        resting = 0;
        this.#remove(key, waiting);
        waiting.start();
      } else resting++;
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#run(), INTERVAL_MS).unref();
  }

  /** INVARIANT: no network has an empty queue. */
  #remove(key: string, waiting: Waiting): void {
    const fifo = this.#waiting.get(key);
    if (fifo === undefined || waiting.place === undefined) return;
    fifo.remove(waiting.place);
    waiting.place = undefined;
    if (fifo.first === undefined) this.#waiting.delete(key);
  }

  #take(key: string): boolean {
    const now = this.#now();
    if (!this.#total.allows(ALL, now)) return false;
    if (key !== NO_NETWORK) {
      if (!this.#perNetwork.allows(key, now)) return false;
      this.#perNetwork.take(key, now);
    }
    this.#total.take(ALL, now);
    return true;
  }
}
