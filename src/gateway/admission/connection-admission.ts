/** Who comes in: every limit on connections, held before TLS costs anything, and a word for those who are turned away. */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { refusedForNow } from '../http/respond.js';
import { endSocket, peerOf, unheard } from '../io/sockets.js';
import type { Counters } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { Census } from './connection-count.js';
import { networkOf, Places } from './quota.js';

export interface DoorOptions {
  readonly limits: Pick<
    Config['limits'],
    'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
  >;
  /** Whether the process is too slow for those who are in already. */
  readonly overloaded: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
  /** Counts along where several processes share the limits. */
  readonly census?: Census | undefined;
}

/**
 * Whoever is turned away may hear why: a TLS handshake and a 503. That costs as much as serving an honest client does, so there are
 * few seats for it. A seat stays taken for TELL_MS, however soon its connection ends, which also bounds the handshakes that the
 * turned away can cost: 21 a second, about a hundredth of a core. All others are cut.
 */
const TOLD_AT_A_TIME = 64;
/** A quarter: one flood leaves seats for others. */
const TOLD_PER_ADDRESS = 16;
/** Enough for the round trips of TCP, TLS 1.2 and a request around the world, on a machine that is short of time. */
const TELL_MS = 3_000;
/** One line for so many: under a flood the log must not be the next victim. */
const LINE_EVERY = 1000;

/** Why an overloaded process takes nobody; the other reasons are names of settings. */
const OVERLOADED = 'limits.loopDelay';

/** Somebody who came in. */
interface Visitor {
  /** For the books of all processes. Unlike the ends of a connection it never comes again. */
  readonly name: string;
  readonly ends: string;
  readonly network: string;
  hasLeft: boolean;
  /** No identity is proven yet. */
  isStranger: boolean;
  /** Its TLS handshake is over. */
  isServed: boolean;
}

/** Why somebody was turned away who sits in a seat. */
interface Told {
  readonly reason: string;
}

/**
 * The ends of a connection join the TCP connection, which comes in, to the TLS connection on it, which is all that others know.
 * INVARIANT: nothing else goes by them. A client that resets its connection may come again from the same port before this process hears of
 * the end, so that what is told of the one must never be done to the other.
 */
export class Door {
  readonly #options: DoorOptions;
  readonly #connections: Places;
  readonly #handshakes: Places;
  readonly #seats = new Places('seats', TOLD_AT_A_TIME, TOLD_PER_ADDRESS);
  /** By the ends of their connection. */
  readonly #visitors = new Map<string, Visitor>();
  /** By the TLS connection. */
  readonly #served = new WeakMap<Socket, Visitor>();
  /** Who sits in a seat, by the ends of their connection. */
  readonly #told = new Map<string, Told>();
  #entered = 0;
  #turnedAway = 0;

  constructor(options: DoorOptions) {
    const { limits } = options;
    this.#options = options;
    this.#connections = new Places('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Places('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Holds from the next connection on; whoever is in stays. */
  adjust(limits: DoorOptions['limits']): void {
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Connections whose user is not known. */
  get strangers(): number {
    return this.#handshakes.size;
  }

  /** A new TCP connection. False when it was cut; else it may go on to TLS, and then to `tellsWhy`. */
  enter(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // Gone already: there is no address any more to count it by.
    if (remoteAddress === undefined) return cut(socket);
    const network = networkOf(remoteAddress);
    const full = this.#takePlace(network);
    if (full === undefined) {
      this.#welcome(socket, network);
      return true;
    }
    this.#count(socket, full);
    return this.#seat(socket, network, full) || cut(socket);
  }

  /** The same client behind its TLS handshake. True when it was turned away: it is told so and needs nobody else. */
  tellsWhy(socket: Socket): boolean {
    const ends = endsOf(socket);
    const told = this.#told.get(ends);
    if (told === undefined) {
      const visitor = this.#visitors.get(ends);
      if (visitor) {
        visitor.isServed = true;
        this.#served.set(socket, visitor);
      }
      return false;
    }
    socket.on('error', unheard);
    // Behind its first bytes, since an answer to no request confuses HTTP clients.
    socket.once('data', () => {
      if (socket.writable) socket.write(refusedForNow(told.reason === OVERLOADED ? 'overloaded' : 'full'));
      endSocket(socket, TELL_MS);
    });
    return true;
  }

  /** The client's user is known: it makes room for the next stranger. */
  known(socket: Socket): void {
    const visitor = this.#served.get(socket);
    if (visitor === undefined || visitor.hasLeft) return;
    this.#forgetStranger(visitor);
    this.#options.census?.known(visitor.name);
  }

  #takePlace(network: string): string | undefined {
    if (this.#options.overloaded()) return OVERLOADED;
    const full = this.#connections.take(network);
    if (full !== undefined) return full;
    const crowded = this.#handshakes.take(network);
    if (crowded !== undefined) this.#connections.leave(network);
    return crowded;
  }

  #welcome(socket: Socket, network: string): void {
    const ends = endsOf(socket);
    const name = `${ends} ${this.#entered++}`;
    const visitor: Visitor = { name, ends, network, hasLeft: false, isStranger: true, isServed: false };
    this.#visitors.set(ends, visitor);
    this.#told.delete(ends);
    this.#options.census?.enter(name, network, (setting) => this.#turnOut(socket, visitor, setting));
    socket.once('close', () => this.#leave(visitor));
  }

  #leave(visitor: Visitor): void {
    if (visitor.hasLeft) return;
    visitor.hasLeft = true;
    this.#forgetStranger(visitor);
    if (this.#visitors.get(visitor.ends) === visitor) this.#visitors.delete(visitor.ends);
    this.#connections.leave(visitor.network);
    this.#options.census?.leave(visitor.name);
  }

  #forgetStranger(visitor: Visitor): void {
    if (!visitor.isStranger) return;
    visitor.isStranger = false;
    this.#handshakes.leave(visitor.network);
  }

  /** Somebody who came in was one too many, as the count of all processes says: mostly while the TLS handshake still goes on. */
  #turnOut(socket: Socket, visitor: Visitor, reason: string): void {
    if (visitor.hasLeft) return;
    const isArriving = !visitor.isServed && this.#visitors.get(visitor.ends) === visitor;
    this.#leave(visitor);
    this.#count(socket, reason);
    if (!isArriving || !this.#seat(socket, visitor.network, reason)) cut(socket);
  }

  #count(socket: Socket, reason: string): void {
    const { counters, log } = this.#options;
    counters.turnedAway(reason);
    if (this.#turnedAway++ % LINE_EVERY !== 0) return;
    log.warn('connections turned away', { reason, peer: peerOf(socket), total: this.#turnedAway });
  }

  /** True when there is a seat for somebody who was turned away. */
  #seat(socket: Socket, network: string, reason: string): boolean {
    if (this.#seats.take(network) !== undefined) return false;
    const ends = endsOf(socket);
    const told: Told = { reason };
    this.#told.set(ends, told);
    socket.once('close', () => {
      if (this.#told.get(ends) === told) this.#told.delete(ends);
    });
    setTimeout(() => {
      socket.destroy();
      this.#seats.leave(network);
    }, TELL_MS).unref();
    return true;
  }
}

function cut(socket: Socket): false {
  socket.on('error', unheard);
  socket.destroy();
  return false;
}

/** Both ends of a connection: the TCP connection and the TLS connection on it have the same. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
