/**
 * The connections without an identity, ordered so that the one to end for a new one is found in constant time: by the
 * networks that hold many of them, and by the time without a milestone.
 */
import { Fifo, type Place } from './fifo.js';
import { allowanceOf, MILESTONES, type Milestone, rankOf } from './milestones.js';

/** One connection without an identity. */
export interface Unauthenticated<T> {
  readonly owner: T;
  /** The rank of its last milestone, and the time of that. */
  rank: number;
  since: number;
  /** From the widest network to the narrowest, after the root. */
  networks: readonly Network<T>[];
  /** Its place in the queue of each network. */
  places: readonly Place<Unauthenticated<T>>[];
}

/**
 * A network with more than this share of all slots is the first to lose one. Fewer than 32 networks can have that much:
 * a flood from as many addresses ends its own connections and no others, whatever it does. Below this share, networks
 * are not compared: an office with five clients has no less right than a home with one.
 */
const LIGHT_SHARE = 1 / 32;
/** The two channels of one client are never singled out. */
const LIGHT_MIN = 2;
const ACCEPTED = rankOf('accepted');

export class UnauthenticatedConnections<T> {
  readonly #root = new Network<T>('', undefined);
  #light = LIGHT_MIN;

  /** `limit` is the number of slots. */
  constructor(limit: number) {
    this.adjust(limit);
  }

  adjust(limit: number): void {
    this.#light = Math.max(LIGHT_MIN, Math.floor(limit * LIGHT_SHARE));
  }

  get size(): number {
    return this.#root.size;
  }

  /** Number of connections of one network, named by all networks that contain it from the widest on. */
  sizeOf(path: readonly string[]): number {
    return this.#find(path)?.size ?? 0;
  }

  add(owner: T, path: readonly string[], now: number): Unauthenticated<T> {
    const connection: Unauthenticated<T> = { owner, rank: ACCEPTED, since: now, networks: [], places: [] };
    this.#enter(connection, path);
    return connection;
  }

  /** A milestone counts once, and only after earlier ones: nobody stays by repeating one. */
  progress(connection: Unauthenticated<T>, milestone: Milestone, now: number): void {
    const rank = rankOf(milestone);
    if (rank <= connection.rank) return;
    const { networks, places } = connection;
    connection.places = networks.map((network, index) => {
      network.queueOf(connection.rank).remove(places[index] as Place<Unauthenticated<T>>);
      return network.queueOf(rank).push(connection);
    });
    connection.rank = rank;
    connection.since = now;
  }

  /** The connection belongs to another network from now on. It keeps its milestone, which counts from now on. */
  move(connection: Unauthenticated<T>, path: readonly string[], now: number): void {
    this.remove(connection);
    connection.since = now;
    this.#enter(connection, path);
  }

  remove(connection: Unauthenticated<T>): void {
    const { networks, places, rank } = connection;
    // From the narrowest network on, which leaves its parent when it is empty.
    for (let index = networks.length - 1; index >= 0; index--) {
      const network = networks[index] as Network<T>;
      network.queueOf(rank).remove(places[index] as Place<Unauthenticated<T>>);
      network.resize(-1);
    }
    connection.networks = [];
    connection.places = [];
  }

  /**
   * The connection to end so that one from `path` gets its slot; undefined when that one is to be rejected instead.
   *
   * It is the one that is overdue for longest, or will be first, in the network that holds the most. One that is not
   * overdue is kept if another network has one that is: many clients behind one address are no flood. If none is
   * overdue, a network that holds much gets no more than it has, and gives way to every other network.
   */
  replaceable(path: readonly string[], now: number): T | undefined {
    const heavy = this.#heaviest();
    const candidate = heavy.earliest();
    if (candidate === undefined || isExpendable(candidate, now)) return candidate?.owner;
    const earliest = this.#root.earliest() as Unauthenticated<T>;
    if (isOverdue(earliest, now)) return earliest.owner;
    return heavy.isWithin(path) ? undefined : candidate.owner;
  }

  /** The same within one network, whose share is used up. */
  replaceableIn(path: readonly string[], now: number): T | undefined {
    const candidate = this.#find(path)?.earliest();
    return candidate !== undefined && isExpendable(candidate, now) ? candidate.owner : undefined;
  }

  #enter(connection: Unauthenticated<T>, path: readonly string[]): void {
    const networks = [this.#root];
    for (const key of path) networks.push((networks.at(-1) as Network<T>).child(key));
    for (const network of networks) network.resize(1);
    connection.networks = networks;
    connection.places = networks.map((network) => network.queueOf(connection.rank).push(connection));
  }

  #find(path: readonly string[]): Network<T> | undefined {
    return path.reduce<Network<T> | undefined>((network, key) => network?.children.get(key), this.#root);
  }

  /** The narrowest network that holds more than its share, or all of them. */
  #heaviest(): Network<T> {
    let network = this.#root;
    for (;;) {
      const child = network.largestChild(this.#light);
      if (child === undefined) return network;
      network = child;
    }
  }
}

/** The time at which a connection is overdue. */
function deadlineOf({ since, rank }: Unauthenticated<unknown>): number {
  return since + allowanceOf(rank);
}

function isOverdue(connection: Unauthenticated<unknown>, now: number): boolean {
  return deadlineOf(connection) <= now;
}

/** One that has sent no ClientHello has cost nothing yet, and its client tries again. */
function isExpendable(connection: Unauthenticated<unknown>, now: number): boolean {
  return connection.rank === ACCEPTED || isOverdue(connection, now);
}

/** INVARIANT: only networks with connections exist, apart from the root. */
class Network<T> {
  size = 0;
  readonly children = new Map<string, Network<T>>();
  readonly #key: string;
  readonly #parent: Network<T> | undefined;
  readonly #bySize = new Map<number, Set<Network<T>>>();
  #largest = 0;
  /** By rank. All in one queue have the same allowance, so that the first one is overdue first. */
  readonly #queues: (Fifo<Unauthenticated<T>> | undefined)[] = [];

  constructor(key: string, parent: Network<T> | undefined) {
    this.#key = key;
    this.#parent = parent;
  }

  /** The network inside this one; a new one is to be resized at once. */
  child(key: string): Network<T> {
    return this.children.get(key) ?? new Network(key, this);
  }

  isWithin(path: readonly string[]): boolean {
    return this.#parent !== undefined && path.includes(this.#key);
  }

  queueOf(rank: number): Fifo<Unauthenticated<T>> {
    this.#queues[rank] ??= new Fifo();
    return this.#queues[rank];
  }

  /** The connection that is overdue first. */
  earliest(): Unauthenticated<T> | undefined {
    let earliest: Unauthenticated<T> | undefined;
    for (let rank = 0; rank < MILESTONES; rank++) {
      const first = this.#queues[rank]?.first;
      if (first && (earliest === undefined || deadlineOf(first) < deadlineOf(earliest))) earliest = first;
    }
    return earliest;
  }

  /** A child with the most connections, if it has more than `light`. */
  largestChild(light: number): Network<T> | undefined {
    if (this.#largest <= light) return undefined;
    return this.#bySize.get(this.#largest)?.values().next().value;
  }

  resize(by: 1 | -1): void {
    const before = this.size;
    this.size += by;
    this.#parent?.resized(this, before);
  }

  /** Files a child under its size. Sizes change by one, so that the largest one is known without a search. */
  resized(child: Network<T>, before: number): void {
    const { size } = child;
    if (before === 0) this.children.set(child.#key, child);
    else this.#unfile(child, before);
    if (size === 0) this.children.delete(child.#key);
    else this.#file(child, size);
    if (size > this.#largest || !this.#bySize.has(this.#largest)) this.#largest = size;
  }

  #file(child: Network<T>, size: number): void {
    const same = this.#bySize.get(size);
    if (same) same.add(child);
    else this.#bySize.set(size, new Set([child]));
  }

  #unfile(child: Network<T>, size: number): void {
    const same = this.#bySize.get(size);
    same?.delete(child);
    if (same?.size === 0) this.#bySize.delete(size);
  }
}
