/**
 * One listen address: accepts connections, finds out who is at the other end, and passes on those that are admitted, to TLS or, on
 * a plain listener, straight on.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isForProxies, isUnix, type ListenEntry } from '../../config/listen.js';
import { ProxyHeaderError } from '../../proxy/proxy-header.js';
import type { TrustedProxies } from '../../proxy/trusted.js';
import { networkOf } from '../admission/networks.js';
import { Connection, type Peer, remoteAddressOf } from '../io/connection.js';
import { listen } from '../io/listen.js';
import { ignoreError, peerOf } from '../io/sockets.js';
import type { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';
import { readProxyHeader } from './proxy-header.js';

export interface EndpointOptions {
  readonly entry: ListenEntry;
  readonly log: Log;
  readonly lineLimit: LineLimit;
  /** The present proxies: a reload changes them. */
  readonly isTrusted: TrustedProxies;
  readonly headerTimeoutMs: () => number;
  /** Admits a new connection, or closes it and returns false. */
  readonly admit: (connection: Connection) => boolean;
  /** Counts an admitted connection for the client that a PROXY header named, or closes it and returns false. */
  readonly admitClient: (connection: Connection, address: string) => boolean;
  /** Starts TLS on an admitted connection. */
  readonly startTls: (connection: Connection) => void;
  /** Serves an admitted connection of a plain listener. */
  readonly servePlain: (connection: Connection) => void;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #server: Server;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Throws a `Fault` of kind `unreachable` when the address cannot be bound. */
  async listen(): Promise<void> {
    const { entry, log } = this.#options;
    await listen(this.#server, entry.address, '--listen');
    this.#server.on('error', (error) => log.event('listener.failed', { reason: error.message }));
  }

  /** The TCP address. Undefined for a Unix socket. */
  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address : undefined;
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  /** Resolves when all connections of this address are closed. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const { entry, admit } = this.#options;
    const connection = new Connection(socket, this.#peerOf(socket));
    if (isForProxies(entry) && !connection.peer.isTrustedProxy) return this.#refuse(connection);
    if (!admit(connection)) return;
    if (entry.proxyProtocol === 'off') return this.#start(connection);
    this.#readHeader(connection).then(
      () => this.#start(connection),
      (error: unknown) => this.#refuse(connection, error),
    );
  }

  #peerOf(socket: Socket): Peer {
    if (isUnix(this.#options.entry.address)) return { address: undefined, isTrustedProxy: true };
    const address = remoteAddressOf(socket);
    return { address, isTrustedProxy: address !== undefined && this.#options.isTrusted(address) };
  }

  async #readHeader(connection: Connection): Promise<void> {
    const { headerTimeoutMs, isTrusted } = this.#options;
    // A listener for as long as the socket exists: an error between two readers would otherwise be uncaught.
    connection.socket.on('error', ignoreError);
    const { source } = await readProxyHeader(connection.socket, headerTimeoutMs());
    // Without a source the connection is the proxy's own.
    if (source !== undefined) connection.replacePeer({ address: source, isTrustedProxy: isTrusted(source) });
  }

  #start(connection: Connection): void {
    const { entry, admitClient, startTls, servePlain } = this.#options;
    const { peer, socket } = connection;
    if (socket.destroyed) return;
    if (entry.proxyProtocol === 'required' && peer.address !== undefined && !peer.isTrustedProxy) {
      if (!admitClient(connection, peer.address)) return;
    }
    if (entry.tls === 'on') startTls(connection);
    else servePlain(connection);
  }

  #refuse({ socket }: Connection, error?: unknown): void {
    const { log, lineLimit } = this.#options;
    const peer = peerOf(socket);
    socket.on('error', ignoreError);
    socket.destroy();
    if (error !== undefined && !(error instanceof ProxyHeaderError)) {
      return log.event('connection.failed', { peer, reason: (error as Error).message });
    }
    const { code, message } = error ?? UNTRUSTED;
    // A proxy that checks whether the port is open sends nothing.
    if (code === 'PROXY_CUT') return;
    const suppressed = lineLimit.take(`${code} ${networkOf(peer)}`);
    if (suppressed === undefined) return;
    log.event('connection.untrusted', { peer, code, reason: message, suppressed: suppressed || undefined });
  }
}

const UNTRUSTED = {
  code: 'PROXY_UNTRUSTED',
  message: 'this listener serves trusted proxies only; trustedProxies does not name this address',
};
