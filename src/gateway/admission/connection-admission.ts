/**
 * Connection admission: enforces every limit on connections before TLS starts, and answers a part of the rejected
 * connections.
 */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { serviceUnavailable } from '../http/respond.js';
import type { Connection } from '../io/connection.js';
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
  /** Whether the event loop is overloaded: then every new connection is rejected. */
  readonly overloaded: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
  /** The count over all processes, where several share the limits. */
  readonly connectionCount?: ConnectionCount | undefined;
}

/**
 * Slots for rejected connections that get a reason: a TLS handshake and a 503. That costs as much as serving an honest
 * client, so there are few slots. A slot is held for REJECTION_MS however soon its connection ends, which limits the
 * TLS handshakes of rejected connections to 21 a second, about a hundredth of a core. All other rejected connections
 * are closed at once.
 */
const ANSWERED_AT_A_TIME = 64;
/** A quarter of all slots, so that a flood from one address leaves slots for others. */
const ANSWERED_PER_ADDRESS = 16;
/** Covers the round trips of TCP, TLS 1.2 and a request between continents, on a busy machine. */
const REJECTION_MS = 3_000;
/** One log line for this many rejections, so that a flood of connections does not flood the log. */
const LOG_EVERY = 1000;

/** The reason while the process is overloaded. Every reason is the name of a setting. */
const OVERLOADED = 'limits.loopDelay';

interface AdmittedConnection {
  /** The name in the connection count of all processes. */
  readonly name: string;
  readonly network: string;
  isClosed: boolean;
  /** The client has not proven its identity yet. */
  isUnauthenticated: boolean;
  /** The TLS handshake is complete. */
  hasTls: boolean;
}

/** A rejected connection that holds a slot and gets a reason. */
interface Rejection {
  readonly reason: string;
}

export class ConnectionAdmission {
  readonly #options: ConnectionAdmissionOptions;
  readonly #connections: Quota;
  readonly #handshakes: Quota;
  readonly #rejectionSlots = new Quota('rejection slots', ANSWERED_AT_A_TIME, ANSWERED_PER_ADDRESS);
  readonly #admitted = new WeakMap<Connection, AdmittedConnection>();
  readonly #rejections = new WeakMap<Connection, Rejection>();
  #rejectedTotal = 0;

  constructor(options: ConnectionAdmissionOptions) {
    const { limits } = options;
    this.#options = options;
    this.#connections = new Quota('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Quota('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Applies to new connections; admitted ones stay. */
  adjust(limits: ConnectionAdmissionOptions['limits']): void {
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Number of connections whose user is not authenticated. */
  get unauthenticated(): number {
    return this.#handshakes.size;
  }

  /**
   * Decides on a new connection. False: it was closed. True: the caller starts TLS, and then calls `answersRejected`.
   */
  admit(connection: Connection): boolean {
    const { address = '', isTrustedProxy } = connection.peer;
    // A socket that is closed already has no address to count it by.
    if (address === '' && !isTrustedProxy) return cut(connection.socket);
    const network = networkOf(address);
    const reason = this.#takeSlot(network);
    if (reason === undefined) {
      this.#register(connection, network);
      return true;
    }
    this.#countRejection(connection.socket, reason);
    return this.#takeRejectionSlot(connection, network, reason) || cut(connection.socket);
  }

  /** Called when the TLS handshake is complete. True: the connection was rejected, and is answered and closed here. */
  answersRejected(connection: Connection, socket: Socket): boolean {
    const rejection = this.#rejections.get(connection);
    if (rejection === undefined) {
      const admitted = this.#admitted.get(connection);
      if (admitted) admitted.hasTls = true;
      return false;
    }
    socket.on('error', ignoreError);
    // The answer waits for the first bytes of the request: a response without a request confuses HTTP clients.
    socket.once('data', () => {
      if (socket.writable) socket.write(serviceUnavailable(rejection.reason === OVERLOADED ? 'overloaded' : 'full'));
      endSocket(socket, REJECTION_MS);
    });
    return true;
  }

  /** The user of this connection is authenticated: its handshake slot becomes free. */
  authenticated(connection: Connection): void {
    const admitted = this.#admitted.get(connection);
    if (admitted === undefined || admitted.isClosed) return;
    this.#releaseHandshake(admitted);
    this.#options.connectionCount?.authenticated(admitted.name);
  }

  identify(_connection: Connection, _address: string | undefined): string | undefined {
    return undefined;
  }

  #takeSlot(network: string): string | undefined {
    if (this.#options.overloaded()) return OVERLOADED;
    const connectionsFull = this.#connections.take(network);
    if (connectionsFull !== undefined) return connectionsFull;
    const handshakesFull = this.#handshakes.take(network);
    if (handshakesFull !== undefined) this.#connections.release(network);
    return handshakesFull;
  }

  #register(connection: Connection, network: string): void {
    const name = String(connection.number);
    const admitted: AdmittedConnection = {
      name,
      network,
      isClosed: false,
      isUnauthenticated: true,
      hasTls: false,
    };
    this.#admitted.set(connection, admitted);
    this.#options.connectionCount?.add(name, network, (setting) => this.#rejectAdmitted(connection, admitted, setting));
    connection.socket.once('close', () => this.#release(admitted));
  }

  #release(connection: AdmittedConnection): void {
    if (connection.isClosed) return;
    connection.isClosed = true;
    this.#releaseHandshake(connection);
    this.#connections.release(connection.network);
    this.#options.connectionCount?.remove(connection.name);
  }

  #releaseHandshake(connection: AdmittedConnection): void {
    if (!connection.isUnauthenticated) return;
    connection.isUnauthenticated = false;
    this.#handshakes.release(connection.network);
  }

  /**
   * An admitted connection exceeds a limit in the count of all processes; its TLS handshake is usually still under way.
   */
  #rejectAdmitted(connection: Connection, admitted: AdmittedConnection, reason: string): void {
    if (admitted.isClosed) return;
    this.#release(admitted);
    this.#countRejection(connection.socket, reason);
    if (admitted.hasTls || !this.#takeRejectionSlot(connection, admitted.network, reason)) cut(connection.socket);
  }

  #countRejection(socket: Socket, reason: string): void {
    const { counters, log } = this.#options;
    counters.rejected(reason);
    if (this.#rejectedTotal++ % LOG_EVERY !== 0) return;
    log.event('connection.rejected', { reason, peer: peerOf(socket), total: this.#rejectedTotal });
  }

  /** True when there is a slot to answer this rejected connection. */
  #takeRejectionSlot(connection: Connection, network: string, reason: string): boolean {
    if (this.#rejectionSlots.take(network) !== undefined) return false;
    this.#rejections.set(connection, { reason });
    setTimeout(() => {
      connection.socket.destroy();
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
