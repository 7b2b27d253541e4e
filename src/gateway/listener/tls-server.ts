/** The TLS server: takes accepted connections and passes on those whose handshake is complete. It never listens itself. */
import type { Socket } from 'node:net';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { networkOf } from '../admission/networks.js';
import { textResponse } from '../http/respond.js';
import { type Connection, connectionOf } from '../io/connection.js';
import { endSocket, ignoreError, peerOf } from '../io/sockets.js';
import type { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';
import { logTlsFailure } from './tls-failure.js';

export interface TlsServerOptions {
  readonly tls: TlsOptions;
  readonly handshakeTimeoutMs: number;
  /** Time for a peer to close the connection after an answer. */
  readonly closeTimeoutMs: () => number;
  readonly log: Log;
  readonly lineLimit: LineLimit;
  /** Receives the TLS secrets as lines of the NSS key log format. */
  readonly keylog: ((line: Buffer) => void) | undefined;
  /** Takes a connection whose handshake is complete. */
  readonly serve: (connection: Connection, socket: Socket) => void;
}

/** OpenSSL's reasons for first bytes that are no TLS record: those of the four HTTP methods it knows, and any other. */
const NOT_TLS: readonly (string | undefined)[] = ['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_WRONG_VERSION_NUMBER'];
const NOT_TLS_HINT =
  'a proxy that speaks plain HTTP needs a listener with tls: off; one that sends PROXY headers, one with proxyProtocol: required';

export function createTlsServer({ tls, handshakeTimeoutMs, keylog, serve, ...options }: TlsServerOptions): Server {
  const server = createServer({
    ...tls,
    // RDP clients offer no ALPN; any other client gets HTTP/1.1 and nothing else.
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
  });
  server.on('secureConnection', (socket) => {
    const connection = connectionOf(socket);
    if (connection === undefined) socket.destroy();
    else serve(connection, socket);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    const { log, lineLimit, closeTimeoutMs } = options;
    const connection = connectionOf(socket);
    const peer = peerOf(socket);
    if (connection === undefined || !NOT_TLS.includes(error.code)) {
      logTlsFailure(log, lineLimit, error, peer);
      return void socket.destroy();
    }
    const suppressed = lineLimit.take(`tls.missing ${networkOf(peer)}`);
    if (suppressed !== undefined) {
      log.event('tls.missing', { peer, code: error.code, hint: NOT_TLS_HINT, suppressed: suppressed || undefined });
    }
    // TLS has given up, and the socket below it still takes bytes.
    connection.socket.on('error', ignoreError);
    if (connection.socket.writable) connection.socket.write(textResponse(400, 'TLS is spoken here: use https'));
    endSocket(connection.socket, closeTimeoutMs());
  });
  if (keylog) server.on('keylog', keylog);
  return server;
}
