/**
 * The registry of a gateway with several worker processes: tunnels, connections and waiting OUT channels of each
 * worker.
 */
import type { Config } from '../../config/schema.js';
import { type ConnectionLimits, ConnectionQuota, type CountedConnection } from '../admission/connection-quota.js';
import { KeyCounts } from '../admission/key-counts.js';
import type { Milestone } from '../admission/milestones.js';
import { TUNNEL_LIMIT_REACHED } from '../admission/tunnel-quota.js';
import { UserTunnels } from '../admission/user-quota.js';
import { type ChannelKey, ChannelTable } from '../listener/channel-table.js';

export type SharedLimits = ConnectionLimits & Pick<Config['limits'], 'tunnels' | 'tunnelsPerUser'>;

/** A connection of a worker, named by the worker. */
interface WorkerConnection {
  readonly worker: number;
  readonly name: string;
}

/** Tells a worker to end a connection for a new one. `setting` is the limit that was reached. */
export type EndConnection = (name: string, setting: string) => void;

/**
 * The entry of one worker. The tables need no limits of their own: every OUT channel is a connection, connections are
 * limited, and the entry is removed when its worker exits.
 */
interface WorkerEntry {
  tunnels: number;
  /** Number of tunnels by user. */
  readonly users: KeyCounts;
  /** By name. */
  readonly connections: Map<string, CountedConnection<WorkerConnection>>;
  readonly channels: Set<ChannelKey>;
  endConnection: EndConnection;
}

/** Workers are identified by number. INVARIANT: no two running workers have the same number. */
export class SharedRegistry {
  #tunnelLimit: number;
  readonly #userTunnels: UserTunnels;
  readonly #connections: ConnectionQuota<WorkerConnection>;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #owners = new ChannelTable<number>();
  #tunnels = 0;

  /** `now` is the monotonic clock, in milliseconds. */
  constructor(limits: SharedLimits, now: () => number = () => performance.now()) {
    this.#tunnelLimit = limits.tunnels;
    this.#userTunnels = new UserTunnels(limits.tunnelsPerUser);
    const end = ({ worker, name }: WorkerConnection, setting: string): void =>
      this.#entryOf(worker).endConnection(name, setting);
    this.#connections = new ConnectionQuota({ limits, now, end });
  }

  /** `endConnection` is called for connections of this worker from now on, until it is removed. */
  addWorker(worker: number, endConnection: EndConnection): void {
    this.#entryOf(worker).endConnection = endConnection;
  }

  /** Applies to new tunnels and connections; existing ones stay. */
  adjust(limits: SharedLimits): void {
    this.#tunnelLimit = limits.tunnels;
    this.#userTunnels.adjust(limits.tunnelsPerUser);
    this.#connections.adjust(limits);
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
    if (reason === undefined) this.#entryOf(worker).users.add(user);
    return reason;
  }

  releaseUserTunnel(worker: number, user: string): void {
    if (this.#entryOf(worker).users.remove(user)) this.#userTunnels.release(user);
  }

  /**
   * Counts a new, unauthenticated connection, for which another one may be ended. If it is rejected, it is not counted,
   * and the setting of the limit is returned. An `address` of undefined is a trusted proxy.
   */
  addConnection(worker: number, name: string, address: string | undefined): string | undefined {
    const counted = this.#connections.add({ worker, name }, address);
    if (typeof counted === 'string') return counted;
    this.#entryOf(worker).connections.set(name, counted);
    return undefined;
  }

  /**
   * A connection speaks for another client from now on. If that client has used up a share, the connection is not
   * counted any more, and the setting is returned.
   */
  identify(worker: number, name: string, address: string | undefined): string | undefined {
    const connection = this.#entryOf(worker).connections.get(name);
    const reached = connection && this.#connections.identify(connection, address);
    if (reached !== undefined) this.removeConnection(worker, name);
    return reached;
  }

  progressed(worker: number, name: string, milestone: Milestone): void {
    const connection = this.#entryOf(worker).connections.get(name);
    if (connection) this.#connections.progressed(connection, milestone);
  }

  /** The user of a connection is authenticated. */
  authenticated(worker: number, name: string): void {
    const connection = this.#entryOf(worker).connections.get(name);
    if (connection) this.#connections.authenticated(connection);
  }

  removeConnection(worker: number, name: string): void {
    const { connections } = this.#entryOf(worker);
    const connection = connections.get(name);
    if (connection === undefined) return;
    connections.delete(name);
    this.#connections.remove(connection);
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
    const { tunnels, users, connections, channels } = this.#entryOf(worker);
    this.#tunnels -= tunnels;
    for (const [user, taken] of users.entries())
      for (let count = 0; count < taken; count++) this.#userTunnels.release(user);
    for (const name of [...connections.keys()]) this.removeConnection(worker, name);
    for (const channel of channels) this.#owners.remove(channel, worker);
    this.#entries.delete(worker);
    return tunnels;
  }

  #entryOf(worker: number): WorkerEntry {
    const known = this.#entries.get(worker);
    if (known) return known;
    const entry: WorkerEntry = {
      tunnels: 0,
      users: new KeyCounts(),
      connections: new Map(),
      channels: new Set(),
      endConnection: () => undefined,
    };
    this.#entries.set(worker, entry);
    return entry;
  }
}
