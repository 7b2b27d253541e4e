/** All listen addresses of the gateway, the TLS server behind them, and the connections that they have admitted. */
import type { AddressInfo, Socket } from 'node:net';
import type { Server, TlsOptions } from 'node:tls';
import type { ListenEntry } from '../../config/listen.js';
import type { Config } from '../../config/schema.js';
import type { TrustedProxies } from '../../proxy/trusted.js';
import type { ConnectionAdmission } from '../admission/connection-admission.js';
import type { Connection } from '../io/connection.js';
import { peerOf } from '../io/sockets.js';
import { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';
import { Endpoint } from './endpoint.js';
import { createTlsServer } from './tls-server.js';

export interface ListenersOptions {
  readonly entries: readonly ListenEntry[];
  readonly tls: TlsOptions;
  /** The current settings: a reload changes them. The time limit of a TLS handshake needs a restart. */
  readonly timeouts: () => Config['timeouts'];
  readonly isTrusted: TrustedProxies;
  readonly admission: ConnectionAdmission;
  readonly log: Log;
  /** Receives the TLS secrets as lines of the NSS key log format. */
  readonly keylog: ((line: Buffer) => void) | undefined;
  /** Serves a connection that is admitted, and whose TLS handshake is complete where its listener speaks TLS. */
  readonly serve: (socket: Socket) => void;
}

export class Listeners {
  readonly #options: ListenersOptions;
  /** Never listens: it gets the connections that were admitted. */
  readonly #tlsServer: Server;
  readonly #endpoints: readonly Endpoint[];
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenersOptions) {
    const { entries, tls, timeouts, isTrusted, admission, log, keylog } = options;
    this.#options = options;
    const lineLimit = new LineLimit();
    this.#tlsServer = createTlsServer({
      tls,
      handshakeTimeoutMs: timeouts().tls * 1000,
      closeTimeoutMs: () => timeouts().close * 1000,
      log,
      lineLimit,
      keylog,
      serve: (connection, socket) => this.#serve(connection, socket),
    });
    this.#endpoints = entries.map(
      (entry) =>
        new Endpoint({
          entry,
          log,
          lineLimit,
          isTrusted,
          headerTimeoutMs: () => timeouts().tls * 1000,
          admit: (connection) => this.#admit(connection),
          admitClient: (connection, address) => admission.admitClient(connection, address),
          startTls: (connection) => this.#startTls(connection),
          servePlain: (connection) => this.#serve(connection, connection.socket),
        }),
    );
  }

  /** Opens all addresses. Throws a `Fault` of kind `unreachable`, and then has none open. */
  async listen(): Promise<void> {
    try {
      for (const endpoint of this.#endpoints) await endpoint.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get addresses(): readonly (AddressInfo | undefined)[] {
    return this.#endpoints.map(({ address }) => address);
  }

  /** Whether all addresses are open. */
  get listening(): boolean {
    return this.#endpoints.every(({ listening }) => listening);
  }

  /** Number of connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Applies to new TLS handshakes. */
  setTls(tls: TlsOptions): void {
    this.#tlsServer.setSecureContext(tls);
  }

  /** Sessions with tickets of former keys get a full handshake. */
  setTicketKeys(keys: Uint8Array): void {
    this.#tlsServer.setTicketKeys(Buffer.from(keys));
  }

  /** Closes the addresses and every connection at once. */
  async close(): Promise<void> {
    const endpoints = this.#endpoints.map((endpoint) => endpoint.close());
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([...endpoints, ...sockets]);
  }

  #admit(connection: Connection): boolean {
    if (!this.#options.admission.admit(connection)) return false;
    const { socket } = connection;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return true;
  }

  #startTls(connection: Connection): void {
    const { admission, log } = this.#options;
    const { socket } = connection;
    const start = (): void => void this.#tlsServer.emit('connection', socket);
    admission.startTls(connection, start, (reason) =>
      log.event('tls.failed', { peer: peerOf(socket), code: 'NO_CLIENT_HELLO', reason }),
    );
  }

  #serve(connection: Connection, socket: Socket): void {
    if (!this.#options.admission.answersRejected(connection, socket)) this.#options.serve(socket);
  }
}
