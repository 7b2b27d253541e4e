/** Ordinary HTTP on the gateway's port: node:http serves the connections that carry no gateway request. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HeadLimits } from '../../http/head.js';
import { fromIncomingMessage, isGatewayPath, type RdgRequest } from '../http/request.js';
import { closingResponse } from '../http/respond.js';
import { endSocket } from '../io/sockets.js';
import { limitConnectionAge } from './connection-age.js';

/** The settings that a reload may change. */
export interface WebSettings {
  readonly limits: HeadLimits;
  readonly headTimeoutMs: number;
  /** Time for a client to close the connection after a refused upgrade. */
  readonly closeTimeoutMs: number;
}

export interface WebOptions {
  readonly settings: WebSettings;
  /** Why the gateway takes no new tunnels, as `/healthz` reports it. */
  readonly unhealthy: () => 'draining' | 'overloaded' | undefined;
  /** Called for a `GET` upgrade on the gateway's path; `read` throws a HeadError when it is not a valid request. */
  readonly upgrade: (socket: Socket, read: () => RdgRequest, rest: Buffer) => void;
}

/** Time that an idle connection stays open for another request. */
const KEEP_ALIVE_MS = 5_000;
/**
 * Requests on one connection, after which a monitor connects again: no connection may hold a handshake slot for ever.
 */
const MAX_REQUESTS = 100;
/**
 * Limit for a request body, which is read and discarded: a misdirected form fits, and larger ones would cost CPU time.
 */
const MAX_BODY_BYTES = 65_536;
/** What each piece of a body counts at least: a chunk of one byte costs as much as one of a kilobyte. */
const MIN_PIECE_BYTES = 1024;
/** Interval at which node:http checks for request heads that exceed their time limit. */
const CHECK_INTERVAL_MS = 1_000;

/** The status for the errors of node:http that are no bad request. */
const STATUS_OF_ERROR: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export interface Web {
  /** Never listens: it gets sockets through its `connection` event. */
  readonly server: Server;
  /** Applies to new connections. */
  adjust(settings: WebSettings): void;
  /** Closes all connections at once. */
  close(): void;
}

export function createWeb({ settings, unhealthy, upgrade }: WebOptions): Web {
  let current = settings;
  const web = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    (request, response) => {
      connectionAge.announceEnd(response);
      answer(request, response, unhealthy());
    },
  );
  const connectionAge = limitConnectionAge(web);
  web.maxRequestsPerSocket = MAX_REQUESTS;
  web.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    connectionAge.release(socket);
    if (isGatewayPath(pathOf(request))) {
      upgrade(socket, () => fromIncomingMessage(request, current.limits), head);
    } else {
      // node:http gives the socket up with this event, so it is ended here.
      socket.write(closingResponse(404));
      endSocket(socket, current.closeTimeoutMs);
    }
  });
  // node:http would destroy the socket right after its answer, which is lost while TLS is still sending session tickets.
  web.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writable) socket.write(closingResponse(STATUS_OF_ERROR[error.code ?? ''] ?? 400));
    endSocket(socket, current.closeTimeoutMs);
  });
  // Node starts the timer for its time limits when a server begins to listen, which this one never does.
  web.emit('listening');
  const adjust = (next: WebSettings): void => {
    current = next;
    web.headersTimeout = next.headTimeoutMs;
    web.requestTimeout = next.headTimeoutMs;
    // Documented only as an option, but node:http reads the property for each new connection; a test checks that.
    Object.assign(web, { maxHeaderSize: next.limits.headBytes });
  };
  adjust(settings);
  return {
    server: web,
    adjust,
    close() {
      web.close();
      web.closeAllConnections();
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, unhealthy: string | undefined): void {
  limitBody(request);
  const path = pathOf(request);
  if (path !== '/healthz') {
    const text = isGatewayPath(path) ? 'this path is for Remote Desktop clients\n' : 'not found\n';
    return send(response, 404, text);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'use GET\n');
  }
  send(response, unhealthy === undefined ? 200 : 503, `${unhealthy ?? 'ok'}\n`);
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

/**
 * No request here needs a body. A small body is read and discarded; node:http would do that with a body of any size.
 */
function limitBody(request: IncomingMessage): void {
  let left = MAX_BODY_BYTES;
  request.on('data', (bytes: Buffer) => {
    left -= Math.max(bytes.length, MIN_PIECE_BYTES);
    if (left < 0) request.destroy();
  });
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}
