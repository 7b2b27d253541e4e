/** The books of a gateway that is served by several processes: who has which place, which stranger, and which OUT leg waits where. */
import { Crowd } from './crowd.js';
import { NO_PLACE } from './tunnel-places.js';

export interface LedgerLimits {
  readonly tunnels: number;
  readonly handshakes: number;
  readonly handshakesPerAddress: number;
}

/**
 * The page of one process. Its tables need no caps of their own: a stranger and an OUT leg are connections, which the limits
 * bound, and each table is gone with its process.
 */
interface Page {
  places: number;
  /** Networks of its strangers, by their names. */
  readonly strangers: Map<string, string>;
  readonly legs: Set<string>;
}

/** Processes are named by their numbers; INVARIANT: no two that live at one time have the same. */
export class Ledger {
  readonly #most: number;
  readonly #crowd: Crowd;
  readonly #pages = new Map<number, Page>();
  readonly #owners = new Map<string, number>();
  #places = 0;

  constructor({ tunnels, handshakes, handshakesPerAddress }: LedgerLimits) {
    this.#most = tunnels;
    this.#crowd = new Crowd(handshakes, handshakesPerAddress);
  }

  /** TunnelPlaces taken, by all. */
  get places(): number {
    return this.#places;
  }

  full(): string | undefined {
    return this.#places < this.#most ? undefined : NO_PLACE;
  }

  take(worker: number): string | undefined {
    const full = this.full();
    if (full !== undefined) return full;
    this.#page(worker).places++;
    this.#places++;
    return undefined;
  }

  giveBack(worker: number): void {
    const page = this.#page(worker);
    if (page.places === 0) return;
    page.places--;
    this.#places--;
  }

  /** Counts a stranger; the setting that says so when it is one too many, and is not counted. */
  enter(worker: number, name: string, network: string): string | undefined {
    const full = this.#crowd.enter(network);
    if (full === undefined) this.#page(worker).strangers.set(name, network);
    return full;
  }

  leave(worker: number, name: string): void {
    const { strangers } = this.#page(worker);
    const network = strangers.get(name);
    if (network === undefined) return;
    strangers.delete(name);
    this.#crowd.leave(network);
  }

  /** Registers an OUT leg; false when it is live already, wherever. */
  add(worker: number, leg: string): boolean {
    if (this.#owners.has(leg)) return false;
    this.#owners.set(leg, worker);
    this.#page(worker).legs.add(leg);
    return true;
  }

  remove(worker: number, leg: string): void {
    if (this.#page(worker).legs.delete(leg)) this.#owners.delete(leg);
  }

  /** The other process where this leg waits. */
  find(worker: number, leg: string): number | undefined {
    const owner = this.#owners.get(leg);
    return owner === worker ? undefined : owner;
  }

  /** A process is gone, and all that it had. Returns how many places that were. */
  close(worker: number): number {
    const { places, strangers, legs } = this.#page(worker);
    this.#places -= places;
    for (const network of strangers.values()) this.#crowd.leave(network);
    for (const leg of legs) this.#owners.delete(leg);
    this.#pages.delete(worker);
    return places;
  }

  #page(worker: number): Page {
    const page = this.#pages.get(worker) ?? { places: 0, strangers: new Map(), legs: new Set() };
    this.#pages.set(worker, page);
    return page;
  }
}
