/** Where records of a connection wait for keys that are not here yet. */
import type { Place, Sender } from '../types.js';
import { type KeyLog, MAX_HELD_TOTAL } from './keylog.js';

/** Of one connection: the handshake's last flight with its certificates, and the first requests behind it. */
export const MAX_HELD = 256 * 1024;

/** What a thing that waits costs beside its bytes; it also limits how many there are. */
const ENTRY = 200;

interface Entry<T> {
  readonly from: Sender;
  readonly what: T;
  readonly cost: number;
  readonly place: Place;
}

/** First in, first out, over both directions. All rooms together hold `MAX_HELD_TOTAL` bytes; the key log has the account. */
export class HeldRecords<T extends { readonly kind: string }> {
  readonly #account: KeyLog;
  #entries: Entry<T>[] = [];
  #held = 0;
  /** Something did not fit: from then on nothing comes in but ends, since order would be lost. */
  #isFull = false;

  constructor(account: KeyLog) {
    this.#account = account;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && !this.#isFull;
  }

  has(from: Sender): boolean {
    return this.#isFull || this.#entries.some((entry) => entry.from === from);
  }

  /** `bytes` is how large it is. False: there is no room for it. */
  add(from: Sender, what: T, bytes: number, place: Place): boolean {
    const cost = bytes + ENTRY;
    const isLast = what.kind === 'end';
    if (!isLast && (this.#isFull || this.#held + cost > MAX_HELD || this.#account.held + cost > MAX_HELD_TOTAL)) {
      this.#isFull = true;
      return false;
    }
    this.#hold(cost);
    this.#entries.push({ from, what, cost, place });
    return true;
  }

  /** Gives out what `take` takes, up to the first that has to wait longer (false). */
  drain(take: (from: Sender, what: T, place: Place) => boolean): void {
    let taken = 0;
    for (const { from, what, place, cost } of this.#entries) {
      if (!take(from, what, place)) break;
      this.#hold(-cost);
      taken++;
    }
    if (taken > 0) this.#entries = this.#entries.slice(taken);
    if (this.#entries.length === 0) this.#isFull = false;
  }

  /** Gives out everything. */
  empty(take: (from: Sender, what: T, place: Place) => void): void {
    this.drain((from, what, place) => {
      take(from, what, place);
      return true;
    });
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    this.#account.held += bytes;
  }
}
