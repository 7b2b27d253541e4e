/**
 * The registry of a gateway with several worker processes: tunnels, connections and waiting OUT channels of each
 * worker.
 */
import type { Config } from '../../config/schema.js';
import { Quota } from '../admission/quota.js';
import { TUNNEL_LIMIT_REACHED } from '../admission/tunnel-quota.js';
import { type ChannelKey, ChannelTable } from '../listener/channel-table.js';

export type SharedLimits = Pick<
  Config['limits'],
  'tunnels' | 'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
>;

interface CountedConnection {
  readonly network: string;
  isUnauthenticated: boolean;
}

/**
 * The entry of one worker. The tables need no limits of their own: every OUT channel is a connection, connections are
 * limited, and the entry is removed when its worker exits.
 */
interface WorkerEntry {
  tunnels: number;
  /** By name. */
  readonly connections: Map<string, CountedConnection>;
  readonly channels: Set<ChannelKey>;
}

/** Workers are identified by number. INVARIANT: no two running workers have the same number. */
export class SharedRegistry {
  #tunnelLimit: number;
  readonly #connections: Quota;
  readonly #handshakes: Quota;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #owners = new ChannelTable<number>();
  #tunnels = 0;

  constructor(limits: SharedLimits) {
    this.#tunnelLimit = limits.tunnels;
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Quota('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Applies to new tunnels and connections; existing ones stay. */
  adjust(limits: SharedLimits): void {
    this.#tunnelLimit = limits.tunnels;
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Number of tunnels of all workers. */
  get tunnels(): number {
    return this.#tunnels;
  }

  /** The reason why no tunnel can be opened now, or undefined. */
  tunnelLimitReached(): string | undefined {
    return this.#tunnels < this.#tunnelLimit ? undefined : TUNNEL_LIMIT_REACHED;
  }

  takeTunnel(worker: number): string | undefined {
    const reason = this.tunnelLimitReached();
    if (reason !== undefined) return reason;
    this.#entryOf(worker).tunnels++;
    this.#tunnels++;
    return undefined;
  }

  releaseTunnel(worker: number): void {
    const entry = this.#entryOf(worker);
    if (entry.tunnels === 0) return;
    entry.tunnels--;
    this.#tunnels--;
  }

  /**
   * Counts a new, unauthenticated connection. If it exceeds a limit, it is not counted, and the setting of the limit is
   * returned.
   */
  addConnection(worker: number, name: string, network: string): string | undefined {
    const connectionsFull = this.#connections.take(network);
    if (connectionsFull !== undefined) return connectionsFull;
    const handshakesFull = this.#handshakes.take(network);
    if (handshakesFull === undefined) this.#entryOf(worker).connections.set(name, { network, isUnauthenticated: true });
    else this.#connections.release(network);
    return handshakesFull;
  }

  /** The user of a connection is authenticated. */
  authenticated(worker: number, name: string): void {
    const connection = this.#entryOf(worker).connections.get(name);
    if (!connection?.isUnauthenticated) return;
    connection.isUnauthenticated = false;
    this.#handshakes.release(connection.network);
  }

  removeConnection(worker: number, name: string): void {
    this.authenticated(worker, name);
    const { connections } = this.#entryOf(worker);
    const connection = connections.get(name);
    if (connection === undefined) return;
    connections.delete(name);
    this.#connections.release(connection.network);
  }

  /** Registers an OUT channel. Returns false when any worker has one with the same key. */
  addChannel(worker: number, key: ChannelKey): boolean {
    if (!this.#owners.add(key, worker)) return false;
    this.#entryOf(worker).channels.add(key);
    return true;
  }

  removeChannel(worker: number, key: ChannelKey): void {
    if (this.#entryOf(worker).channels.delete(key)) this.#owners.remove(key, worker);
  }

  /** The other worker that has this OUT channel. */
  findChannel(worker: number, key: ChannelKey): number | 'absent' | 'other address' {
    const owner = this.#owners.get(key);
    if (owner !== undefined && owner !== worker) return owner;
    return this.#owners.isElsewhere(key) ? 'other address' : 'absent';
  }

  /** Removes a worker that exited, with everything it had. Returns the number of its tunnels. */
  removeWorker(worker: number): number {
    const { tunnels, connections, channels } = this.#entryOf(worker);
    this.#tunnels -= tunnels;
    for (const name of [...connections.keys()]) this.removeConnection(worker, name);
    for (const channel of channels) this.#owners.remove(channel, worker);
    this.#entries.delete(worker);
    return tunnels;
  }

  #entryOf(worker: number): WorkerEntry {
    const entry = this.#entries.get(worker) ?? { tunnels: 0, connections: new Map(), channels: new Set() };
    this.#entries.set(worker, entry);
    return entry;
  }
}
