/** The books of a gateway that is served by several processes: who has which place, which connection, and which OUT leg waits where. */
import type { Config } from '../../config/schema.js';
import { Quota } from '../admission/quota.js';
import { TUNNEL_LIMIT_REACHED } from '../admission/tunnel-quota.js';

export type SharedLimits = Pick<
  Config['limits'],
  'tunnels' | 'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
>;

interface CountedConnection {
  readonly network: string;
  isUnauthenticated: boolean;
}

/**
 * The page of one process. Its tables need no caps of their own: an OUT leg is a connection, connections are bounded by the
 * limits, and each table is gone with its process.
 */
interface WorkerEntry {
  tunnels: number;
  /** By the names of their connections. */
  readonly connections: Map<string, CountedConnection>;
  readonly channels: Set<string>;
}

/** Processes are named by their numbers; INVARIANT: no two that live at one time have the same. */
export class SharedRegistry {
  #most: number;
  readonly #connections: Quota;
  readonly #handshakes: Quota;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #owners = new Map<string, number>();
  #tunnels = 0;

  constructor(limits: SharedLimits) {
    this.#most = limits.tunnels;
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Quota('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Holds from the next one on; whoever is in stays. */
  adjust(limits: SharedLimits): void {
    this.#most = limits.tunnels;
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Places for tunnels that are taken, by all. */
  get tunnels(): number {
    return this.#tunnels;
  }

  tunnelLimitReached(): string | undefined {
    return this.#tunnels < this.#most ? undefined : TUNNEL_LIMIT_REACHED;
  }

  takeTunnel(worker: number): string | undefined {
    const full = this.tunnelLimitReached();
    if (full !== undefined) return full;
    this.#entryOf(worker).tunnels++;
    this.#tunnels++;
    return undefined;
  }

  releaseTunnel(worker: number): void {
    const page = this.#entryOf(worker);
    if (page.tunnels === 0) return;
    page.tunnels--;
    this.#tunnels--;
  }

  /** Counts a connection, and that its user is not known; the setting that says so when it is one too many, and is not counted. */
  addConnection(worker: number, name: string, network: string): string | undefined {
    const full = this.#connections.take(network);
    if (full !== undefined) return full;
    const crowded = this.#handshakes.take(network);
    if (crowded === undefined) this.#entryOf(worker).connections.set(name, { network, isUnauthenticated: true });
    else this.#connections.release(network);
    return crowded;
  }

  /** The user of a connection is known. */
  authenticated(worker: number, name: string): void {
    const visitor = this.#entryOf(worker).connections.get(name);
    if (!visitor?.isUnauthenticated) return;
    visitor.isUnauthenticated = false;
    this.#handshakes.release(visitor.network);
  }

  /** A connection is gone. */
  removeConnection(worker: number, name: string): void {
    this.authenticated(worker, name);
    const { connections } = this.#entryOf(worker);
    const visitor = connections.get(name);
    if (visitor === undefined) return;
    connections.delete(name);
    this.#connections.release(visitor.network);
  }

  /** Registers an OUT leg; false when it is live already, wherever. */
  addChannel(worker: number, leg: string): boolean {
    if (this.#owners.has(leg)) return false;
    this.#owners.set(leg, worker);
    this.#entryOf(worker).channels.add(leg);
    return true;
  }

  removeChannel(worker: number, leg: string): void {
    if (this.#entryOf(worker).channels.delete(leg)) this.#owners.delete(leg);
  }

  /** The other process where this leg waits. */
  findChannel(worker: number, leg: string): number | undefined {
    const owner = this.#owners.get(leg);
    return owner === worker ? undefined : owner;
  }

  /** A process is gone, and all that it had. Returns how many places that were. */
  removeWorker(worker: number): number {
    const { tunnels, connections, channels } = this.#entryOf(worker);
    this.#tunnels -= tunnels;
    for (const name of [...connections.keys()]) this.removeConnection(worker, name);
    for (const leg of channels) this.#owners.delete(leg);
    this.#entries.delete(worker);
    return tunnels;
  }

  #entryOf(worker: number): WorkerEntry {
    const page = this.#entries.get(worker) ?? { tunnels: 0, connections: new Map(), channels: new Set() };
    this.#entries.set(worker, page);
    return page;
  }
}
