/**
 * Connection admission: enforces every limit on connections before TLS starts. When a limit is reached, a connection
 * without an identity is ended for the new one; if there is none, the new one is rejected.
 */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import type { Connection } from '../io/connection.js';
import { peerOf } from '../io/sockets.js';
import type { Counters } from '../report/counters.js';
import type { Log } from '../report/log.js';
import { ThrottledEvent } from '../report/throttled-event.js';
import { awaitClientHello } from './client-hello.js';
import type { ConnectionCount } from './connection-count.js';
import { type ConnectionLimits, ConnectionQuota, type CountedConnection } from './connection-quota.js';
import { HandshakeQueue, type HandshakeRates } from './handshake-queue.js';
import type { Milestone } from './milestones.js';
import { networkOf } from './networks.js';
import { cut, Rejections } from './rejections.js';

export interface ConnectionAdmissionOptions {
  readonly limits: ConnectionLimits & HandshakeRates;
  readonly timeouts: Pick<Config['timeouts'], 'tls'>;
  /** Whether the event loop is overloaded: then every new connection is rejected. */
  readonly overloaded: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
  /** The count over all processes, where several share the limits. */
  readonly connectionCount?: ConnectionCount | undefined;
  /** The monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Time for the whole ClientHello, which follows the handshake of TCP at once: two lost packets, which TCP repeats after
 * one and three seconds. A browser that connects ahead of a request sends nothing for longer, and connects again.
 */
const HELLO_MS = 4_000;
/**
 * The longest wait for the start of a TLS handshake. With the defaults nobody waits for more than half of it; clients give
 * up after 10 s and more.
 */
const HANDSHAKE_WAIT_MS = 5_000;
/** The reason while the process is overloaded. Every reason is the name of a setting. */
const OVERLOADED = 'limits.loopDelay';

interface AdmittedConnection {
  readonly connection: Connection;
  /** The name in the connection count of all processes. */
  readonly name: string;
  /** The TLS handshake is complete. */
  hasTls: boolean;
}

type Counted = CountedConnection<AdmittedConnection>;

export class ConnectionAdmission {
  readonly #options: ConnectionAdmissionOptions;
  readonly #quota: ConnectionQuota<AdmittedConnection>;
  readonly #handshakes: HandshakeQueue;
  readonly #rejections = new Rejections();
  readonly #admitted = new WeakMap<Connection, Counted>();
  readonly #rejectedLine: ThrottledEvent<{ reason: string; peer: string }>;
  readonly #endedLine: ThrottledEvent<{ reason: string; peer: string }>;
  readonly #delayedLine: ThrottledEvent<{ peer: string }>;

  constructor(options: ConnectionAdmissionOptions) {
    const { limits, log, now = () => performance.now() } = options;
    this.#options = options;
    this.#quota = new ConnectionQuota({ limits, now, end: (admitted, setting) => this.#endFor(admitted, setting) });
    this.#handshakes = new HandshakeQueue({ rates: limits, now });
    this.#rejectedLine = new ThrottledEvent((fields) => log.event('connection.rejected', fields));
    this.#endedLine = new ThrottledEvent((fields) => log.event('connection.evicted', fields));
    this.#delayedLine = new ThrottledEvent((fields) => log.event('handshake.delayed', fields));
  }

  /** Applies to new connections; admitted ones stay until others need their slots. */
  adjust(limits: ConnectionAdmissionOptions['limits']): void {
    this.#quota.adjust(limits);
    this.#handshakes.adjust(limits);
  }

  /** Number of connections whose user is not authenticated. */
  get unauthenticated(): number {
    return this.#quota.unauthenticated;
  }

  /**
   * Decides on a new connection. False: it was closed. True: the caller calls `startTls`, if it speaks TLS, and then
   * `answersRejected`. A trusted proxy counts in total only, until `identify` names a client.
   */
  admit(connection: Connection): boolean {
    const { address, isTrustedProxy } = connection.peer;
    // A socket that is closed already has no address to count it by.
    if (address === undefined && !isTrustedProxy) return cut(connection.socket);
    const client = isTrustedProxy ? undefined : address;
    if (this.#options.overloaded()) return this.#reject(connection, client, OVERLOADED);
    const admitted: AdmittedConnection = { connection, name: String(connection.number), hasTls: false };
    const counted = this.#quota.add(admitted, client);
    if (typeof counted === 'string') return this.#reject(connection, client, counted);
    this.#register(counted, client);
    return true;
  }

  /**
   * The connection speaks for the client at `address` from now on, whose shares it counts for; undefined: for nobody.
   * Returns the name of the setting if that client has used up a share, and then changes nothing.
   */
  identify(connection: Connection, address: string | undefined): string | undefined {
    const counted = this.#admitted.get(connection);
    if (counted === undefined) return undefined;
    const before = counted.network;
    const reached = this.#quota.identify(counted, address);
    if (counted.network !== before) this.#options.connectionCount?.identify(counted.owner.name, address);
    return reached;
  }

  /**
   * The same for the client that a PROXY header names. A client that has used up a share is rejected: false as in
   * `admit`, when the connection was closed.
   */
  admitClient(connection: Connection, address: string): boolean {
    const counted = this.#admitted.get(connection);
    const reached = this.identify(connection, address);
    if (counted === undefined || reached === undefined) return true;
    this.#release(counted);
    return this.#rejectFrom(connection, networkOf(address), reached);
  }

  /**
   * Calls `start` when the TLS handshake is to begin: its ClientHello is here, and `limits.handshakeRate` allows it. Closes
   * the connection when that takes too long, after a call of `failed` if its client sent no ClientHello.
   */
  startTls(connection: Connection, start: () => void, failed: (reason: string) => void): void {
    const counted = this.#admitted.get(connection);
    if (counted === undefined) return start();
    const { socket } = connection;
    const limitMs = Math.min(HELLO_MS, this.#options.timeouts.tls * 1000);
    void awaitClientHello(socket, limitMs).then((result) => {
      if (socket.destroyed) return;
      if (result === 'arrived') return this.#awaitTurn(counted, start);
      if (result === 'late') failed(`no ClientHello within ${limitMs / 1000} s`);
      socket.destroy();
    });
  }

  /** The connection has reached a milestone on the way to an identity. */
  progressed(connection: Connection, milestone: Milestone): void {
    const counted = this.#admitted.get(connection);
    if (counted?.waiting === undefined) return;
    this.#quota.progressed(counted, milestone);
    this.#options.connectionCount?.progressed(counted.owner.name, milestone);
  }

  /**
   * Called when the TLS handshake is complete; without TLS, before a byte was read. True: the connection was rejected, and
   * is answered and closed here.
   */
  answersRejected(connection: Connection, socket: Socket): boolean {
    if (!this.#rejections.has(connection)) {
      const counted = this.#admitted.get(connection);
      if (counted) counted.owner.hasTls = true;
      this.progressed(connection, 'tls');
      return false;
    }
    this.#rejections.answer(connection, socket);
    return true;
  }

  /** The user of this connection is authenticated: its handshake slot becomes free, and it is never ended for others. */
  authenticated(connection: Connection): void {
    const counted = this.#admitted.get(connection);
    if (counted?.waiting === undefined) return;
    this.#quota.authenticated(counted);
    this.#options.connectionCount?.authenticated(counted.owner.name);
  }

  #awaitTurn(counted: Counted, start: () => void): void {
    const { connection } = counted.owner;
    const { socket } = connection;
    let timer: NodeJS.Timeout | undefined;
    this.progressed(connection, 'hello');
    const waiting = this.#handshakes.add(counted.network, () => {
      clearTimeout(timer);
      this.progressed(connection, 'handshake');
      start();
    });
    if (waiting === undefined) return;
    this.#delayedLine.add({ peer: peerOf(socket) });
    timer = setTimeout(() => {
      waiting.cancel();
      this.#countRejection(connection, 'limits.handshakeRate');
      socket.destroy();
    }, HANDSHAKE_WAIT_MS).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      waiting.cancel();
    });
  }

  #register(counted: Counted, client: string | undefined): void {
    const { connection, name } = counted.owner;
    this.#admitted.set(connection, counted);
    this.#options.connectionCount?.add(name, client, {
      reject: (setting) => this.#rejectAdmitted(counted, setting),
      end: (setting) => this.#endAdmitted(counted, setting),
    });
    connection.socket.once('close', () => this.#release(counted));
  }

  #release(counted: Counted): void {
    if (!counted.isCounted) return;
    this.#quota.remove(counted);
    this.#options.connectionCount?.remove(counted.owner.name);
  }

  /** Ends a connection, which is counted no longer in this process, for a new one. */
  #endFor({ connection, name }: AdmittedConnection, setting: string): void {
    const { counters, connectionCount } = this.#options;
    counters.evicted(setting);
    this.#endedLine.add({ reason: setting, peer: peerOf(connection.socket) });
    connectionCount?.remove(name);
    cut(connection.socket);
  }

  /** An admitted connection is the one to end in the count of all processes. */
  #endAdmitted(counted: Counted, setting: string): void {
    if (counted.waiting === undefined) return;
    this.#quota.remove(counted);
    this.#endFor(counted.owner, setting);
  }

  /**
   * An admitted connection exceeds a limit in the count of all processes; its TLS handshake is usually still under way.
   */
  #rejectAdmitted(counted: Counted, setting: string): void {
    if (!counted.isCounted) return;
    const { connection, hasTls } = counted.owner;
    const { network } = counted;
    this.#release(counted);
    if (hasTls) this.#countRejection(connection, setting);
    if (hasTls) cut(connection.socket);
    else this.#rejectFrom(connection, network, setting);
  }

  #reject(connection: Connection, client: string | undefined, setting: string): boolean {
    return this.#rejectFrom(connection, client === undefined ? undefined : networkOf(client), setting);
  }

  /** False: the connection was closed. True: it gets a reason after its TLS handshake. */
  #rejectFrom(connection: Connection, network: string | undefined, setting: string): boolean {
    this.#countRejection(connection, setting);
    return this.#rejections.add(connection, network, setting === OVERLOADED ? 'overloaded' : 'full');
  }

  #countRejection({ socket }: Connection, setting: string): void {
    this.#options.counters.rejected(setting);
    this.#rejectedLine.add({ reason: setting, peer: peerOf(socket) });
  }
}
