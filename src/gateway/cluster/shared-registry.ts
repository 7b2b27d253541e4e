/** The books of a gateway that is served by several processes: who has which place, which connection, and which OUT leg waits where. */
import type { Config } from '../../config/schema.js';
import { Places } from '../admission/quota.js';
import { NO_PLACE } from '../admission/tunnel-quota.js';

export type LedgerLimits = Pick<
  Config['limits'],
  'tunnels' | 'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
>;

interface Visitor {
  readonly network: string;
  isStranger: boolean;
}

/**
 * The page of one process. Its tables need no caps of their own: an OUT leg is a connection, connections are bounded by the
 * limits, and each table is gone with its process.
 */
interface Page {
  places: number;
  /** By the names of their connections. */
  readonly visitors: Map<string, Visitor>;
  readonly legs: Set<string>;
}

/** Processes are named by their numbers; INVARIANT: no two that live at one time have the same. */
export class Ledger {
  #most: number;
  readonly #connections: Places;
  readonly #handshakes: Places;
  readonly #pages = new Map<number, Page>();
  readonly #owners = new Map<string, number>();
  #places = 0;

  constructor(limits: LedgerLimits) {
    this.#most = limits.tunnels;
    this.#connections = new Places('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Places('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Holds from the next one on; whoever is in stays. */
  adjust(limits: LedgerLimits): void {
    this.#most = limits.tunnels;
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Places for tunnels that are taken, by all. */
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

  /** Counts a connection, and that its user is not known; the setting that says so when it is one too many, and is not counted. */
  enter(worker: number, name: string, network: string): string | undefined {
    const full = this.#connections.take(network);
    if (full !== undefined) return full;
    const crowded = this.#handshakes.take(network);
    if (crowded === undefined) this.#page(worker).visitors.set(name, { network, isStranger: true });
    else this.#connections.leave(network);
    return crowded;
  }

  /** The user of a connection is known. */
  known(worker: number, name: string): void {
    const visitor = this.#page(worker).visitors.get(name);
    if (!visitor?.isStranger) return;
    visitor.isStranger = false;
    this.#handshakes.leave(visitor.network);
  }

  /** A connection is gone. */
  leave(worker: number, name: string): void {
    this.known(worker, name);
    const { visitors } = this.#page(worker);
    const visitor = visitors.get(name);
    if (visitor === undefined) return;
    visitors.delete(name);
    this.#connections.leave(visitor.network);
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
    const { places, visitors, legs } = this.#page(worker);
    this.#places -= places;
    for (const name of [...visitors.keys()]) this.leave(worker, name);
    for (const leg of legs) this.#owners.delete(leg);
    this.#pages.delete(worker);
    return places;
  }

  #page(worker: number): Page {
    const page = this.#pages.get(worker) ?? { places: 0, visitors: new Map(), legs: new Set() };
    this.#pages.set(worker, page);
    return page;
  }
}
