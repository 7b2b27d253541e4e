/** Dispatches the requests of admitted connections, with TLS or without: gateway requests get their transport, all others an answer. */
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { HeadError } from '../../http/errors.js';
import type { HeadStart, RequestHead } from '../../http/head.js';
import type { TrustedProxies } from '../../proxy/trusted.js';
import type { Milestone } from '../admission/milestones.js';
import type { NewTunnelQuota } from '../admission/tunnel-quota.js';
import { type Client, clientFields, clientOf } from '../http/client.js';
import { type ReadResult, readRequest } from '../http/reader.js';
import { busy, type Refusal, refusalOf } from '../http/refusal.js';
import {
  isForGateway,
  isGatewayPath,
  type RdgRequest,
  rdgRequest,
  type WebSocketUpgrade,
  wantsWebSocket,
} from '../http/request.js';
import { CONTINUE, closingResponse, emptyResponse, switchingProtocols } from '../http/respond.js';
import { endSocket, ignoreError, peerOf, prepareSocket } from '../io/sockets.js';
import type { Counters } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { OpenedTransport } from '../transport/opened-transport.js';
import { webSocketTransport } from '../transport/websocket.js';
import { type ChannelDirectory, ChannelPairing, type InChannel } from './pairing.js';
import { Refuser } from './refuse.js';
import { refusalOfScheme } from './scheme.js';
import { type Unhealthy, webResponse } from './web.js';

export interface DispatcherOptions {
  /** The current settings: a reload changes them. */
  readonly config: () => Pick<Config, 'limits' | 'timeouts' | 'transports' | 'forwarded'>;
  /** The present proxies: a reload changes them. */
  readonly isTrusted: TrustedProxies;
  /**
   * Counts the connection for the client that a trusted proxy names, instead of the one that it named before. Returns the setting
   * whose limit the client has reached.
   */
  readonly identify: (socket: Socket, address: string | undefined) => string | undefined;
  readonly log: Log;
  readonly counters: Counters;
  readonly unhealthy: () => Unhealthy;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** Opens a tunnel, which then owns the transport and the tunnel slot taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** Called when a connection has reached a milestone on the way to an identity. */
  readonly progressed: (socket: Socket, milestone: Milestone) => void;
  /** Called when the user of this connection is authenticated. */
  readonly authenticated: (socket: Socket) => void;
}

/**
 * Requests without a session on one connection: more than a monitor or a pool of a proxy sends in AGE_MAX_MS. No
 * connection may hold a handshake slot for ever, and pipelined requests are answered without a pause.
 */
export const REQUESTS_MAX = 100;
/**
 * Age of a connection after which the next answer is the last one. Until then a monitor or a proxy may keep it, as long
 * as each request follows within `timeouts.head`.
 */
export const AGE_MAX_MS = 60_000;

const RPC_OVER_HTTP: Refusal = { status: 404, code: 'RPC_OVER_HTTP', reason: 'RPC over HTTP is not offered' };
const NO_UPGRADE: Refusal = { status: 404, code: 'REQUEST_NO_UPGRADE', reason: 'the request has no WebSocket upgrade' };
const PIPELINED: Refusal = {
  status: 400,
  code: 'REQUEST_PIPELINED',
  reason: 'an upgrade was sent before the answer to the request before it',
};
const ONLY_WEBSOCKET: Refusal = {
  status: 403,
  code: 'TRANSPORT_HTTP_OFF',
  reason: 'only the WebSocket transport is offered',
};
const NO_WEBSOCKET: Refusal = {
  status: 403,
  code: 'TRANSPORT_WEBSOCKET_OFF',
  reason: 'a browser-style request needs the WebSocket transport, which is not offered',
};

const EMPTY = Buffer.alloc(0);

/** What is counted of the requests on one connection, until one opens a transport. */
interface RequestSeries {
  readonly socket: Socket;
  readonly openedAt: number;
  /** Requests so far, with the one being served. */
  requests: number;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #refuser: Refuser;
  /** Pairs the OUT and IN channels of the HTTP transport. */
  readonly pairing: ChannelPairing;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#refuser = new Refuser(options);
    const log = ({ connectionId: connection, correlationId: correlation }: RdgRequest, client: Client): Log =>
      options.log.with({ connection, correlation, ...clientFields(client) });
    this.pairing = new ChannelPairing({ ...options, log });
  }

  /** Serves one connection. Never rejects. */
  async serve(socket: Socket): Promise<void> {
    prepareSocket(socket);
    // A listener for as long as the socket exists: an error between two readers would otherwise be uncaught.
    socket.on('error', ignoreError);
    const series: RequestSeries = { socket, openedAt: performance.now(), requests: 0 };
    try {
      for (let leftover: Buffer | undefined = EMPTY; leftover !== undefined; ) {
        leftover = await this.#serveNext(series, leftover);
      }
    } catch (error) {
      this.#options.log.event('connection.failed', { peer: peerOf(socket), reason: (error as Error).message });
      socket.destroy();
    }
  }

  /**
   * Serves the next request, which may be of another client than the one before: proxies keep their connections in a
   * pool. Returns the bytes after it when the connection can carry another request.
   */
  async #serveNext(series: RequestSeries, leftover: Buffer): Promise<Buffer | undefined> {
    const { socket } = series;
    const { limits, timeouts } = this.#options.config();
    const read = await readRequest(socket, { limits, deadlineMs: timeouts.head * 1000, leftover });
    if (read.kind === 'invalid') {
      return this.#refuser.refuse(socket, refusalOf(read.error), read.start, this.#clientOf(socket, read.start));
    }
    if (read.kind !== 'request') return series.requests === 0 ? void socket.destroy() : this.#end(socket);
    series.requests++;
    this.#options.progressed(socket, 'request');
    const { head } = read;
    const client = this.#clientOf(socket, head);
    try {
      const refused = this.#identify(socket, client);
      if (refused !== undefined) return this.#refuser.refuse(socket, refused, head, client);
      if (isForGateway(head)) return await this.#serveGateway(series, client, read);
    } catch (error) {
      if (error instanceof HeadError) return this.#refuser.refuse(socket, refusalOf(error), head, client);
      throw error;
    }
    const isLast = head.body !== 'none' || head.headers.has('upgrade') || isLastRequest(series, head);
    return this.#answer(socket, webResponse(head, this.#options.unhealthy(), isLast), isLast, read.rest);
  }

  /** @throws HeadError */
  async #serveGateway(
    series: RequestSeries,
    client: Client,
    read: ReadResult & { kind: 'request' },
  ): Promise<Buffer | undefined> {
    const { socket, requests } = series;
    const { head, rest } = read;
    const refuse = (refusal: Refusal | undefined): undefined =>
      refusal && this.#refuser.refuse(socket, refusal, head, client);
    if (head.method.startsWith('RPC_')) return refuse(RPC_OVER_HTTP);
    const isUpgrade = wantsWebSocket(head.headers);
    if (!head.method.startsWith('RDG_') && isGatewayPath(head.path) && !isUpgrade) return refuse(NO_UPGRADE);
    const request = rdgRequest(head);
    if (request.upgrade && read.isPipelined && requests > 1) return refuse(PIPELINED);
    const refused = refusalOfScheme(request);
    if (refused !== undefined) return refuse(refused);
    if (request.method !== 'RDG_IN_DATA') return refuse(await this.#open(socket, request, client, rest));
    if (!this.#options.config().transports.http) return refuse(ONLY_WEBSOCKET);
    if (request.body !== 'none') return refuse(await this.#joinIn(socket, request, client, rest));
    // An IN request without a body claims nothing: proxies send it and the one with the body on different connections.
    // An authentication scheme that authenticates the connection (NTLM, Negotiate) needs both on one connection, and
    // would be remembered here.
    const isLast = isLastRequest(series, head);
    return this.#answer(socket, isLast ? closingResponse(200) : emptyResponse(200), isLast, rest);
  }

  /** Opens a tunnel for a WebSocket upgrade, or an OUT channel. */
  async #open(socket: Socket, request: RdgRequest, client: Client, rest: Buffer): Promise<Refusal | undefined> {
    const { transports } = this.#options.config();
    const { upgrade } = request;
    if (upgrade && transports.websocket) return this.#openWebSocket(socket, request, client, upgrade, rest);
    if (request.method === 'GET') return NO_WEBSOCKET;
    if (!transports.http) return ONLY_WEBSOCKET;
    const refused = await this.pairing.wait(socket, request, client);
    if (refused === undefined) this.#options.progressed(socket, 'transport');
    return refused;
  }

  async #openWebSocket(
    socket: Socket,
    request: RdgRequest,
    client: Client,
    upgrade: WebSocketUpgrade,
    rest: Buffer,
  ): Promise<Refusal | undefined> {
    const { tunnelQuota, tunnel, authenticated } = this.#options;
    const full = await tunnelQuota.take();
    if (full !== undefined) return busy(full);
    // The client may have disconnected during `take`, and `close` is emitted only once.
    if (socket.destroyed) return void tunnelQuota.release();
    socket.write(switchingProtocols(upgrade));
    const transport = webSocketTransport(socket, rest);
    const onAuthenticated = (): void => authenticated(socket);
    tunnel({ transport, request, client, sockets: [socket], authenticated: onAuthenticated, ended: () => undefined });
    return undefined;
  }

  async #joinIn(socket: Socket, request: RdgRequest, client: Client, rest: Buffer): Promise<Refusal | undefined> {
    let isComplete = false;
    const channel: InChannel = {
      socket,
      framing: request.body,
      rest,
      authenticated: () => this.#options.authenticated(socket),
      completed: () => {
        isComplete = true;
        if (socket.writable) socket.write(closingResponse(200));
      },
    };
    const refused = await this.pairing.join(request.connectionId, client, channel);
    if (refused !== undefined) return refused;
    if (request.expectContinue && !isComplete && socket.writable) socket.write(CONTINUE);
    return undefined;
  }

  /** Answers a request. Returns `rest` when the connection can carry another one. */
  #answer(socket: Socket, response: Buffer, isLast: boolean, rest: Buffer): Buffer | undefined {
    if (socket.writable) socket.write(response);
    return isLast ? this.#end(socket) : rest;
  }

  #clientOf(socket: Socket, { headers }: HeadStart): Client {
    return clientOf(socket, headers, { field: this.#options.config().forwarded, isTrusted: this.#options.isTrusted });
  }

  #identify(socket: Socket, { address, proxy }: Client): Refusal | undefined {
    const reached = proxy === undefined ? undefined : this.#options.identify(socket, address);
    return reached === undefined ? undefined : busy(`${reached} is reached`);
  }

  #end(socket: Socket): undefined {
    endSocket(socket, this.#options.config().timeouts.close * 1000);
  }
}

function isLastRequest({ openedAt, requests }: RequestSeries, head: RequestHead): boolean {
  return head.close || requests >= REQUESTS_MAX || performance.now() - openedAt > AGE_MAX_MS;
}
