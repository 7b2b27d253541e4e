/** Ordinary HTTP on the gateway's port: node:http serves what our own head reader handed over. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HeadLimits } from '../../http/head.js';
import { fromIncomingMessage, isGatewayPath, type RdgRequest } from '../http/request.js';
import { closingResponse } from '../http/respond.js';
import { endSocket } from '../io/sockets.js';
import { limitConnectionAge } from './connection-age.js';

/** What a reload may change. */
export interface WebSettings {
  readonly limits: HeadLimits;
  readonly headTimeoutMs: number;
  /** A client that was refused an upgrade gets this long to go. */
  readonly closeTimeoutMs: number;
}

export interface WebOptions {
  readonly settings: WebSettings;
  /** Why the gateway takes no new tunnels, in the word that `/healthz` says. */
  readonly unhealthy: () => 'draining' | 'overloaded' | undefined;
  /** A `GET` upgrade for the gateway's own path; `read` throws HeadError when it is none that we know. */
  readonly upgrade: (socket: Socket, read: () => RdgRequest, rest: Buffer) => void;
}

/** A connection that is done with its request may send another one for this long. */
const KEEP_ALIVE_MS = 5_000;
/** Then a monitor connects anew, as it does at the end of its life: nobody keeps a place among the strangers for ever. */
const MAX_REQUESTS = 100;
/** What somebody may send with a request by mistake: a form, and nothing that costs anyone anything. */
const MAX_BODY_BYTES = 65_536;
/** How often node:http looks for connections that are late with their head. */
const CHECK_INTERVAL_MS = 1_000;

export interface Web {
  /** Never listens: sockets come through its `connection` event. */
  readonly server: Server;
  /** Holds from the next connection on. */
  adjust(settings: WebSettings): void;
  /** Cuts everything. */
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
      lives.announceEnd(response);
      answer(request, response, unhealthy());
    },
  );
  const lives = limitConnectionAge(web);
  web.maxRequestsPerSocket = MAX_REQUESTS;
  web.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    lives.release(socket);
    if (isGatewayPath((request.url ?? '').split('?', 1)[0] ?? '')) {
      upgrade(socket, () => fromIncomingMessage(request, current.limits), head);
    } else {
      // Nobody else looks after this socket: node:http lets go of it with the event.
      socket.write(closingResponse(404));
      endSocket(socket, current.closeTimeoutMs);
    }
  });
  // Node starts the checker of its time limits when a server begins to listen, which this one never does.
  web.emit('listening');
  const adjust = (to: WebSettings): void => {
    current = to;
    web.headersTimeout = to.headTimeoutMs;
    web.requestTimeout = to.headTimeoutMs;
    // Documented as an option alone; node:http looks at the property whenever a connection begins, and a test holds it.
    Object.assign(web, { maxHeaderSize: to.limits.headBytes });
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

function answer(request: IncomingMessage, response: ServerResponse, unwell: string | undefined): void {
  boundBody(request);
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  if (path !== '/healthz') {
    const words = isGatewayPath(path) ? 'this path is for Remote Desktop clients\n' : 'not found\n';
    return send(response, 404, words);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'use GET\n');
  }
  send(response, unwell === undefined ? 200 : 503, `${unwell ?? 'ok'}\n`);
}

/** Nothing here takes a body. A small one is read and dropped with the answer, which node:http would do with any. */
function boundBody(request: IncomingMessage): void {
  let left = MAX_BODY_BYTES;
  request.on('data', (bytes: Buffer) => {
    left -= bytes.length;
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
