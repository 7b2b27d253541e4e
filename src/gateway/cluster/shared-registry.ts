/**
 * The registry of a gateway with several worker processes: tunnels, connections and waiting OUT channels of each
 * worker.
 */
import type { Config } from '../../config/schema.js';
import { Quota } from '../admission/quota.js';
import { TUNNEL_LIMIT_REACHED } from '../admission/tunnel-quota.js';
import { UserTunnels } from '../admission/user-quota.js';

export type SharedLimits = Pick<
  Config['limits'],
  'tunnels' | 'tunnelsPerUser' | 'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
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
  /** Number of tunnels by user. */
  readonly users: Map<string, number>;
  /** By name. */
  readonly connections: Map<string, CountedConnection>;
  readonly channels: Set<string>;
}

/** Workers are identified by number. INVARIANT: no two running workers have the same number. */
export class SharedRegistry {
  #tunnelLimit: number;
  readonly #userTunnels: UserTunnels;
  readonly #connections: Quota;
  readonly #handshakes: Quota;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #owners = new Map<string, number>();
  #tunnels = 0;

  constructor(limits: SharedLimits) {
    this.#tunnelLimit = limits.tunnels;
    this.#userTunnels = new UserTunnels(limits.tunnelsPerUser);
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Quota('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Applies to new tunnels and connections; existing ones stay. */
  adjust(limits: SharedLimits): void {
    this.#tunnelLimit = limits.tunnels;
    this.#userTunnels.adjust(limits.tunnelsPerUser);
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

  /** Counts a tunnel for its user, or returns the reason why the user may not have another one. */
  takeUserTunnel(worker: number, user: string): string | undefined {
    const reason = this.#userTunnels.take(user);
    const { users } = this.#entryOf(worker);
    if (reason === undefined) users.set(user, (users.get(user) ?? 0) + 1);
    return reason;
  }

  releaseUserTunnel(worker: number, user: string): void {
    const { users } = this.#entryOf(worker);
    const taken = users.get(user);
    if (taken === undefined) return;
    if (taken > 1) users.set(user, taken - 1);
    else users.delete(user);
    this.#userTunnels.release(user);
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
  addChannel(worker: number, channel: string): boolean {
    if (this.#owners.has(channel)) return false;
    this.#owners.set(channel, worker);
    this.#entryOf(worker).channels.add(channel);
    return true;
  }

  removeChannel(worker: number, channel: string): void {
    if (this.#entryOf(worker).channels.delete(channel)) this.#owners.delete(channel);
  }

  /** The worker that has this OUT channel; undefined when it is `worker` itself or none. */
  findChannel(worker: number, channel: string): number | undefined {
    const owner = this.#owners.get(channel);
    return owner === worker ? undefined : owner;
  }

  /** Removes a worker that exited, with everything it had. Returns the number of its tunnels. */
  removeWorker(worker: number): number {
    const { tunnels, users, connections, channels } = this.#entryOf(worker);
    this.#tunnels -= tunnels;
    for (const [user, taken] of users) for (let count = 0; count < taken; count++) this.#userTunnels.release(user);
    for (const name of [...connections.keys()]) this.removeConnection(worker, name);
    for (const channel of channels) this.#owners.delete(channel);
    this.#entries.delete(worker);
    return tunnels;
  }

  #entryOf(worker: number): WorkerEntry {
    const entry = this.#entries.get(worker) ?? {
      tunnels: 0,
      users: new Map(),
      connections: new Map(),
      channels: new Set(),
    };
    this.#entries.set(worker, entry);
    return entry;
  }
}
