/** Buffer for the records of a connection whose keys are not available yet. */
import type { Place, Sender } from '../types.js';
import { type KeyLog, MAX_HELD_TOTAL } from './keylog.js';

/** Bytes per connection. Enough for the last handshake flight with certificates and the first requests after it. */
export const MAX_HELD = 256 * 1024;

/** Accounted overhead of an entry in bytes. It also limits the number of entries. */
const ENTRY_OVERHEAD = 200;

interface Entry<T> {
  readonly from: Sender;
  readonly event: T;
  readonly cost: number;
  readonly place: Place;
}

/** A FIFO queue for both directions. The key log counts the bytes of all queues, at most `MAX_HELD_TOTAL`. */
export class HeldRecords<T extends { readonly kind: string }> {
  readonly #keyLog: KeyLog;
  #entries: Entry<T>[] = [];
  #held = 0;
  /** Set when an event did not fit. From then on only end events are added, to preserve the order. */
  #isFull = false;

  constructor(keyLog: KeyLog) {
    this.#keyLog = keyLog;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && !this.#isFull;
  }

  /** Whether events of this direction are queued, or the queue is full. */
  has(from: Sender): boolean {
    return this.#isFull || this.#entries.some((entry) => entry.from === from);
  }

  /** Adds an event that holds `bytes` bytes. Returns false when a limit is exceeded; end events are always added. */
  add(from: Sender, event: T, bytes: number, place: Place): boolean {
    const cost = bytes + ENTRY_OVERHEAD;
    const isLast = event.kind === 'end';
    if (!isLast && (this.#isFull || this.#held + cost > MAX_HELD || this.#keyLog.held + cost > MAX_HELD_TOTAL)) {
      this.#isFull = true;
      return false;
    }
    this.#hold(cost);
    this.#entries.push({ from, event, cost, place });
    return true;
  }

  /** Removes events in order as long as `handle` returns true. */
  drain(handle: (from: Sender, event: T, place: Place) => boolean): void {
    let taken = 0;
    for (const { from, event, place, cost } of this.#entries) {
      if (!handle(from, event, place)) break;
      this.#hold(-cost);
      taken++;
    }
    if (taken > 0) this.#entries = this.#entries.slice(taken);
    if (this.#entries.length === 0) this.#isFull = false;
  }

  /** Removes all events in order. */
  drainAll(handle: (from: Sender, event: T, place: Place) => void): void {
    this.drain((from, event, place) => {
      handle(from, event, place);
      return true;
    });
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    this.#keyLog.held += bytes;
  }
}
