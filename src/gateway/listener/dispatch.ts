/**
 * Dispatches TLS connections: ordinary HTTP goes to node:http, gateway requests are checked and get their transport.
 */
import type { Server as WebServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { HeadError } from '../../http/errors.js';
import type { BodyFraming } from '../../http/fields.js';
import type { TrustedProxies } from '../../proxy/trusted.js';
import type { NewTunnelQuota } from '../admission/tunnel-quota.js';
import { type Client, clientFields, clientOf } from '../http/client.js';
import { readRequest } from '../http/reader.js';
import { busy, type Refusal } from '../http/refusal.js';
import { type RdgRequest, rdgRequest, type WebSocketUpgrade } from '../http/request.js';
import { CONTINUE, closingResponse, emptyResponse, refusal, switchingProtocols } from '../http/respond.js';
import { endSocket, ignoreError, peerOf, prepareSocket } from '../io/sockets.js';
import type { Counters, RefusalKind } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { OpenedTransport } from '../transport/opened-transport.js';
import { webSocketTransport } from '../transport/websocket.js';
import { type ChannelDirectory, ChannelPairing, type InChannel } from './pairing.js';

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
  /** Serves connections with ordinary HTTP. */
  readonly web: WebServer;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** Opens a tunnel, which then owns the transport and the tunnel slot taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** Called when the user of this connection is authenticated. */
  readonly authenticated: (socket: Socket) => void;
}

/**
 * Schemes without authentication at the HTTP level. SSPI_NTLM is refused inside the tunnel, with a code that clients
 * show.
 */
const OPEN_SCHEMES: readonly (string | undefined)[] = [undefined, 'PAA', 'SSPI_NTLM'];
/** The counter for each status of a refusal. */
const KINDS: Readonly<Record<number, RefusalKind>> = { 401: 'scheme', 403: 'transport', 409: 'pairing', 503: 'busy' };

const ONLY_WEBSOCKET: Refusal = { status: 403, reason: 'only the WebSocket transport is offered' };

/**
 * Requests without a session on one connection: more than any client or monitor sends in a minute, and no connection may hold a
 * handshake slot for ever.
 */
export const REQUESTS_MAX = 100;

const EMPTY = Buffer.alloc(0);

const KNOWN_SCHEMES = ['NEGOTIATE', 'NTLM', 'BASIC', 'DIGEST', 'BEARER', 'SMARTCARD', 'CONNID'];

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Pairs the OUT and IN channels of the HTTP transport. */
  readonly pairing: ChannelPairing;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.pairing = new ChannelPairing({ ...options, log: (request, client) => this.#log(request, client) });
  }

  /** Serves one connection. Never rejects. */
  async serve(socket: Socket): Promise<void> {
    prepareSocket(socket);
    // A listener for as long as the socket exists: an error between two readers would otherwise be uncaught.
    socket.on('error', ignoreError);
    try {
      let leftover: Buffer | undefined = EMPTY;
      for (let count = 1; leftover !== undefined; count++) leftover = await this.#serveNext(socket, leftover, count);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  /** Serves a `GET` upgrade that node:http has read. Never rejects. */
  async serveUpgrade(socket: Socket, read: () => RdgRequest, rest: Buffer): Promise<void> {
    socket.on('error', ignoreError);
    try {
      const request = read();
      const client = this.#clientOf(socket, request);
      const refused = this.#identify(socket, client);
      if (refused !== undefined) this.#refuse(socket, refused, request, client);
      else await this.#admit(socket, request, client, rest);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  /**
   * Serves the next request of a connection, which may be of another client than the one before: proxies keep their
   * connections in a pool. Returns the bytes after it when the connection can carry another request.
   */
  async #serveNext(socket: Socket, leftover: Buffer, count: number): Promise<Buffer | undefined> {
    const { limits, timeouts } = this.#options.config();
    const read = await readRequest(socket, { limits, deadlineMs: timeouts.head * 1000, leftover });
    if (read.kind === 'web') return void this.#options.web.emit('connection', socket);
    if (read.kind === 'closed' || read.kind === 'idle') return void socket.destroy();
    if (read.kind === 'rpc') return this.#refuse(socket, { status: 404, reason: 'RPC over HTTP is not offered' });
    const request = rdgRequest(read.head);
    const client = this.#clientOf(socket, request);
    const refused = this.#identify(socket, client);
    if (refused !== undefined) return this.#refuse(socket, refused, request, client);
    if (request.method !== 'RDG_IN_DATA') await this.#admit(socket, request, client, read.rest);
    else if (hasBody(request.body)) await this.#joinIn(socket, request, client, read.rest);
    else return this.#answerProbe(socket, request, client, read.head.close || count >= REQUESTS_MAX, read.rest);
    return undefined;
  }

  /** Serves a request that opens a tunnel: a WebSocket upgrade or an OUT channel. */
  async #admit(socket: Socket, request: RdgRequest, client: Client, rest: Buffer): Promise<void> {
    const refused = await this.#open(socket, request, client, rest);
    if (refused !== undefined) this.#refuse(socket, refused, request, client);
  }

  async #open(socket: Socket, request: RdgRequest, client: Client, rest: Buffer): Promise<Refusal | undefined> {
    const { transports } = this.#options.config();
    const refused = refuseScheme(request);
    if (refused !== undefined) return refused;
    const { upgrade } = request;
    if (upgrade && transports.websocket) return this.#openWebSocket(socket, request, client, upgrade, rest);
    if (request.method === 'GET') return { status: 404, reason: 'a browser-style request needs the WebSocket' };
    if (!transports.http) return ONLY_WEBSOCKET;
    return this.pairing.wait(socket, request, client);
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

  /**
   * Answers an IN request without a body, which claims nothing: proxies send it and the one with the body on different
   * connections. An authentication scheme that authenticates the connection (NTLM, Negotiate) would need both on one
   * connection, and this is where to remember it.
   */
  #answerProbe(socket: Socket, request: RdgRequest, client: Client, isLast: boolean, rest: Buffer): Buffer | undefined {
    const refused = this.#refusalOfIn(request);
    if (refused !== undefined) return this.#refuse(socket, refused, request, client);
    socket.write(isLast ? closingResponse(200) : emptyResponse(200));
    if (isLast) this.#end(socket);
    return isLast ? undefined : rest;
  }

  async #joinIn(socket: Socket, request: RdgRequest, client: Client, rest: Buffer): Promise<void> {
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
    const refused = this.#refusalOfIn(request) ?? (await this.pairing.join(request.connectionId, client, channel));
    if (refused !== undefined) this.#refuse(socket, refused, request, client);
    else if (request.expectContinue && !isComplete && socket.writable) socket.write(CONTINUE);
  }

  #refusalOfIn(request: RdgRequest): Refusal | undefined {
    return refuseScheme(request) ?? (this.#options.config().transports.http ? undefined : ONLY_WEBSOCKET);
  }

  #refuse(
    socket: Socket,
    { status, reason, headers }: Refusal,
    request?: RdgRequest,
    client: Client = { address: peerOf(socket), proxy: undefined },
  ): undefined {
    this.#log(request, client).event('request.rejected', { status, reason });
    this.#options.counters.refused(KINDS[status] ?? 'request');
    if (socket.writable) socket.write(closingResponse(status, headers));
    this.#end(socket);
  }

  #end(socket: Socket): void {
    endSocket(socket, this.#options.config().timeouts.close * 1000);
  }

  /** Malformed requests are common on the internet: they are answered, and logged only at debug level. */
  #fail(socket: Socket, error: unknown): void {
    const { log, counters } = this.#options;
    if (error instanceof HeadError) {
      counters.refused('request');
      log.event('request.invalid', {
        peer: peerOf(socket),
        status: error.status,
        code: error.code,
        reason: error.message,
      });
      if (socket.writable) socket.write(refusal(error));
      return this.#end(socket);
    }
    log.event('connection.failed', { peer: peerOf(socket), reason: (error as Error).message });
    socket.destroy();
  }

  #clientOf(socket: Socket, request: RdgRequest): Client {
    return clientOf(socket, request, { field: this.#options.config().forwarded, isTrusted: this.#options.isTrusted });
  }

  #identify(socket: Socket, { address, proxy }: Client): Refusal | undefined {
    const reached = proxy === undefined ? undefined : this.#options.identify(socket, address);
    return reached === undefined ? undefined : busy(`${reached} is reached`);
  }

  #log(request: RdgRequest | undefined, client: Client): Log {
    const ids = { connection: request?.connectionId, correlation: request?.correlationId };
    return this.#options.log.with({ ...ids, ...clientFields(client) });
  }
}

/** The refusal of an authentication scheme that is not offered. It names the scheme that is. */
function refuseScheme({ authScheme: scheme }: RdgRequest): Refusal | undefined {
  if (OPEN_SCHEMES.includes(scheme)) return undefined;
  // An unknown scheme may be a misplaced token, which must not get into the log.
  const name = KNOWN_SCHEMES.find((known) => known === scheme) ?? 'an unknown scheme';
  const reason = `the client wants ${name}, the gateway takes access tokens`;
  return { status: 401, reason, headers: { 'WWW-Authenticate': 'PAA' } };
}

function hasBody(body: BodyFraming): boolean {
  return body === 'chunked' || (typeof body === 'object' && body.length > 0);
}
