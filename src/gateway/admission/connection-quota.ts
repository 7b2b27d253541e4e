/**
 * The limits of connections, and of those without an identity. When one is reached, a connection without an identity is
 * ended for the new one. The gateway counts the connections of its process with it, and the primary those of all.
 */
import type { Config } from '../../config/schema.js';
import type { Milestone } from './milestones.js';
import { networksOf } from './networks.js';
import { Quota } from './quota.js';
import { type Unauthenticated, UnauthenticatedConnections } from './unauthenticated.js';

export type ConnectionLimits = Pick<
  Config['limits'],
  'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
>;

/** One counted connection. */
export interface CountedConnection<T> {
  readonly owner: T;
  /** All networks of its client, the narrowest last. */
  path: readonly string[];
  /** The client's network, which has a share of each limit. Undefined: it counts in total only. */
  network: string | undefined;
  /** Undefined when its user is authenticated, and when it was ended. */
  waiting: Unauthenticated<CountedConnection<T>> | undefined;
  /** It holds a slot of `limits.connections`. */
  isCounted: boolean;
}

export interface ConnectionQuotaOptions<T> {
  readonly limits: ConnectionLimits;
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Ends a connection for a new one. It is no longer counted. `setting` is the limit that was reached. */
  readonly end: (owner: T, setting: string) => void;
}

/** The network of connections from trusted proxies whose client is not known. It has no share of its own. */
const PROXIES = ['trusted proxies'];

export class ConnectionQuota<T> {
  readonly #options: ConnectionQuotaOptions<T>;
  readonly #connections: Quota;
  readonly #unauthenticated: UnauthenticatedConnections<CountedConnection<T>>;
  #limits: ConnectionLimits;

  constructor(options: ConnectionQuotaOptions<T>) {
    const { limits } = options;
    this.#options = options;
    this.#limits = limits;
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#unauthenticated = new UnauthenticatedConnections(limits.handshakes);
  }

  /** Applies to new connections; counted ones stay until others need their slots. */
  adjust(limits: ConnectionLimits): void {
    this.#limits = limits;
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#unauthenticated.adjust(limits.handshakes);
  }

  /** Number of connections without an identity. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /**
   * Counts a new connection, for which another one may be ended. Returns the name of the setting that rejects it if
   * there is none to end. An `address` of undefined is a trusted proxy.
   */
  add(owner: T, address: string | undefined): CountedConnection<T> | string {
    const path = pathOf(address);
    const network = address === undefined ? undefined : path.at(-1);
    const reached = this.#makeRoom(() => this.#shareReached(path, network) ?? this.#reached(), path);
    if (reached !== undefined) return reached;
    const counted: CountedConnection<T> = { owner, path, network, waiting: undefined, isCounted: true };
    this.#connections.add(network);
    counted.waiting = this.#unauthenticated.add(counted, path, this.#options.now());
    return counted;
  }

  /**
   * The connection speaks for the client at `address` from now on; undefined: for nobody. Returns the name of the
   * setting whose share that client has used up, and then changes nothing.
   */
  identify(counted: CountedConnection<T>, address: string | undefined): string | undefined {
    const path = pathOf(address);
    const network = address === undefined ? undefined : path.at(-1);
    if (network === counted.network || !counted.isCounted) return undefined;
    const isWaiting = counted.waiting !== undefined;
    const reached = this.#makeRoom(() => this.#shareReached(path, network, isWaiting), path);
    if (reached !== undefined) return reached;
    this.#connections.move(counted.network, network);
    if (counted.waiting) this.#unauthenticated.move(counted.waiting, path, this.#options.now());
    counted.path = path;
    counted.network = network;
    return undefined;
  }

  progressed({ waiting }: CountedConnection<T>, milestone: Milestone): void {
    if (waiting) this.#unauthenticated.progress(waiting, milestone, this.#options.now());
  }

  /**
   * The user is authenticated. A connection that was ended at the same moment, in another process, is counted again: its
   * session goes on.
   */
  authenticated(counted: CountedConnection<T>): void {
    this.#leave(counted);
    if (counted.isCounted) return;
    counted.isCounted = true;
    this.#connections.add(counted.network);
  }

  remove(counted: CountedConnection<T>): void {
    this.#leave(counted);
    if (!counted.isCounted) return;
    counted.isCounted = false;
    this.#connections.release(counted.network);
  }

  #leave(counted: CountedConnection<T>): void {
    if (counted.waiting) this.#unauthenticated.remove(counted.waiting);
    counted.waiting = undefined;
  }

  /**
   * Ends connections until no limit is reached. Usually that is one; after a reload with lower limits it may be more,
   * each once. Returns the name of the limit that stays reached.
   */
  #makeRoom(reached: () => string | undefined, path: readonly string[]): string | undefined {
    for (;;) {
      const setting = reached();
      if (setting === undefined) return undefined;
      const now = this.#options.now();
      const replaced = setting.endsWith('PerAddress')
        ? this.#unauthenticated.replaceableIn(path, now)
        : this.#unauthenticated.replaceable(path, now);
      if (replaced === undefined) return setting;
      this.remove(replaced);
      this.#options.end(replaced.owner, setting);
    }
  }

  #reached(): string | undefined {
    const full = this.#unauthenticated.size >= this.#limits.handshakes ? 'limits.handshakes' : undefined;
    return this.#connections.reached() ?? full;
  }

  #shareReached(path: readonly string[], network: string | undefined, isWaiting = true): string | undefined {
    if (network === undefined) return undefined;
    const reached = this.#connections.shareReached(network);
    if (reached !== undefined || !isWaiting) return reached;
    const taken = this.#unauthenticated.sizeOf(path);
    return taken >= this.#limits.handshakesPerAddress ? 'limits.handshakesPerAddress' : undefined;
  }
}

function pathOf(address: string | undefined): readonly string[] {
  return address === undefined ? PROXIES : networksOf(address);
}
