/** Who comes in: every limit on connections, held before TLS costs anything, and a word for those who are turned away. */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { refusedForNow } from '../http/respond.js';
import { endSocket, ignoreError, peerOf } from '../io/sockets.js';
import type { Counters } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { ConnectionCount } from './connection-count.js';
import { networkOf, Quota } from './quota.js';

export interface ConnectionAdmissionOptions {
  readonly limits: Pick<
    Config['limits'],
    'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
  >;
  /** Whether the process is too slow for those who are in already. */
  readonly overloaded: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
  /** Counts along where several processes share the limits. */
  readonly connectionCount?: ConnectionCount | undefined;
}

/**
 * Whoever is turned away may hear why: a TLS handshake and a 503. That costs as much as serving an honest client does, so there are
 * few seats for it. A seat stays taken for TELL_MS, however soon its connection ends, which also bounds the handshakes that the
 * turned away can cost: 21 a second, about a hundredth of a core. All others are cut.
 */
const ANSWERED_AT_A_TIME = 64;
/** A quarter: one flood leaves seats for others. */
const ANSWERED_PER_ADDRESS = 16;
/** Enough for the round trips of TCP, TLS 1.2 and a request around the world, on a machine that is short of time. */
const REJECTION_MS = 3_000;
/** One line for so many: under a flood the log must not be the next victim. */
const LOG_EVERY = 1000;

/** Why an overloaded process takes nobody; the other reasons are names of settings. */
const OVERLOADED = 'limits.loopDelay';

/** Somebody who came in. */
interface AdmittedConnection {
  /** For the books of all processes. Unlike the ends of a connection it never comes again. */
  readonly name: string;
  readonly ends: string;
  readonly network: string;
  isClosed: boolean;
  /** No identity is proven yet. */
  isUnauthenticated: boolean;
  /** Its TLS handshake is over. */
  hasTls: boolean;
}

/** Why somebody was turned away who sits in a seat. */
interface Rejection {
  readonly reason: string;
}

/**
 * The ends of a connection join the TCP connection, which comes in, to the TLS connection on it, which is all that others know.
 * INVARIANT: nothing else goes by them. A client that resets its connection may come again from the same port before this process hears of
 * the end, so that what is told of the one must never be done to the other.
 */
export class ConnectionAdmission {
  readonly #options: ConnectionAdmissionOptions;
  readonly #connections: Quota;
  readonly #handshakes: Quota;
  readonly #rejectionSlots = new Quota('seats', ANSWERED_AT_A_TIME, ANSWERED_PER_ADDRESS);
  /** By the ends of their connection. */
  readonly #admitted = new Map<string, AdmittedConnection>();
  /** By the TLS connection. */
  readonly #admittedByTls = new WeakMap<Socket, AdmittedConnection>();
  /** Who sits in a seat, by the ends of their connection. */
  readonly #rejections = new Map<string, Rejection>();
  #admittedTotal = 0;
  #rejectedTotal = 0;

  constructor(options: ConnectionAdmissionOptions) {
    const { limits } = options;
    this.#options = options;
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Quota('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Holds from the next connection on; whoever is in stays. */
  adjust(limits: ConnectionAdmissionOptions['limits']): void {
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Connections whose user is not known. */
  get unauthenticated(): number {
    return this.#handshakes.size;
  }

  /** A new TCP connection. False when it was cut; else it may go on to TLS, and then to `tellsWhy`. */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // Gone already: there is no address any more to count it by.
    if (remoteAddress === undefined) return cut(socket);
    const network = networkOf(remoteAddress);
    const full = this.#takeSlot(network);
    if (full === undefined) {
      this.#register(socket, network);
      return true;
    }
    this.#countRejection(socket, full);
    return this.#takeRejectionSlot(socket, network, full) || cut(socket);
  }

  /** The same client behind its TLS handshake. True when it was turned away: it is told so and needs nobody else. */
  answersRejected(socket: Socket): boolean {
    const ends = endsOf(socket);
    const told = this.#rejections.get(ends);
    if (told === undefined) {
      const visitor = this.#admitted.get(ends);
      if (visitor) {
        visitor.hasTls = true;
        this.#admittedByTls.set(socket, visitor);
      }
      return false;
    }
    socket.on('error', ignoreError);
    // Behind its first bytes, since an answer to no request confuses HTTP clients.
    socket.once('data', () => {
      if (socket.writable) socket.write(refusedForNow(told.reason === OVERLOADED ? 'overloaded' : 'full'));
      endSocket(socket, REJECTION_MS);
    });
    return true;
  }

  /** The client's user is known: it makes room for the next stranger. */
  authenticated(socket: Socket): void {
    const visitor = this.#admittedByTls.get(socket);
    if (visitor === undefined || visitor.isClosed) return;
    this.#releaseHandshake(visitor);
    this.#options.connectionCount?.authenticated(visitor.name);
  }

  #takeSlot(network: string): string | undefined {
    if (this.#options.overloaded()) return OVERLOADED;
    const full = this.#connections.take(network);
    if (full !== undefined) return full;
    const crowded = this.#handshakes.take(network);
    if (crowded !== undefined) this.#connections.release(network);
    return crowded;
  }

  #register(socket: Socket, network: string): void {
    const ends = endsOf(socket);
    const name = `${ends} ${this.#admittedTotal++}`;
    const visitor: AdmittedConnection = {
      name,
      ends,
      network,
      isClosed: false,
      isUnauthenticated: true,
      hasTls: false,
    };
    this.#admitted.set(ends, visitor);
    this.#rejections.delete(ends);
    this.#options.connectionCount?.add(name, network, (setting) => this.#rejectAdmitted(socket, visitor, setting));
    socket.once('close', () => this.#release(visitor));
  }

  #release(visitor: AdmittedConnection): void {
    if (visitor.isClosed) return;
    visitor.isClosed = true;
    this.#releaseHandshake(visitor);
    if (this.#admitted.get(visitor.ends) === visitor) this.#admitted.delete(visitor.ends);
    this.#connections.release(visitor.network);
    this.#options.connectionCount?.remove(visitor.name);
  }

  #releaseHandshake(visitor: AdmittedConnection): void {
    if (!visitor.isUnauthenticated) return;
    visitor.isUnauthenticated = false;
    this.#handshakes.release(visitor.network);
  }

  /** Somebody who came in was one too many, as the count of all processes says: mostly while the TLS handshake still goes on. */
  #rejectAdmitted(socket: Socket, visitor: AdmittedConnection, reason: string): void {
    if (visitor.isClosed) return;
    const isArriving = !visitor.hasTls && this.#admitted.get(visitor.ends) === visitor;
    this.#release(visitor);
    this.#countRejection(socket, reason);
    if (!isArriving || !this.#takeRejectionSlot(socket, visitor.network, reason)) cut(socket);
  }

  #countRejection(socket: Socket, reason: string): void {
    const { counters, log } = this.#options;
    counters.rejected(reason);
    if (this.#rejectedTotal++ % LOG_EVERY !== 0) return;
    log.warn('connections turned away', { reason, peer: peerOf(socket), total: this.#rejectedTotal });
  }

  /** True when there is a seat for somebody who was turned away. */
  #takeRejectionSlot(socket: Socket, network: string, reason: string): boolean {
    if (this.#rejectionSlots.take(network) !== undefined) return false;
    const ends = endsOf(socket);
    const told: Rejection = { reason };
    this.#rejections.set(ends, told);
    socket.once('close', () => {
      if (this.#rejections.get(ends) === told) this.#rejections.delete(ends);
    });
    setTimeout(() => {
      socket.destroy();
      this.#rejectionSlots.release(network);
    }, REJECTION_MS).unref();
    return true;
  }
}

function cut(socket: Socket): false {
  socket.on('error', ignoreError);
  socket.destroy();
  return false;
}

/** Both ends of a connection: the TCP connection and the TLS connection on it have the same. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
