/** What happens on one TLS connection until a tunnel is born: whose bytes are they, are they welcome, which transport is it. */
import type { Server as WebServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import { HeadError } from '../../http/errors.js';
import type { BodyFraming } from '../../http/fields.js';
import type { RequestHead } from '../../http/head.js';
import type { NewTunnelQuota } from '../admission/tunnel-quota.js';
import { readRequest } from '../http/reader.js';
import { busy, type Refusal } from '../http/refusal.js';
import { type RdgRequest, rdgRequest, type WebSocketUpgrade } from '../http/request.js';
import { CONTINUE, closingResponse, emptyResponse, refusal, switchingProtocols } from '../http/respond.js';
import { endSocket, ignoreError, peerOf, prepareSocket } from '../io/sockets.js';
import type { Counters, RefusalKind } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { OpenedTransport } from '../transport/opened.js';
import { webSocketTransport } from '../transport/websocket.js';
import { type ChannelDirectory, ChannelPairing } from './pairing.js';

export interface DispatcherOptions {
  /** The settings of this moment: a reload changes them. */
  readonly config: () => Pick<Config, 'limits' | 'timeouts' | 'transports'>;
  readonly log: Log;
  readonly counters: Counters;
  /** Takes sockets that speak ordinary HTTP. */
  readonly web: WebServer;
  readonly tunnelQuota: NewTunnelQuota;
  readonly directory: ChannelDirectory;
  /** A transport is up: from here on the tunnel owns it, and the place that was taken for it. */
  readonly tunnel: (opened: OpenedTransport) => void;
  /** The user behind this connection is known. */
  readonly authenticated: (socket: Socket) => void;
}

/** Schemes that need nothing on the HTTP level; SSPI_NTLM is told inside the tunnel that it is not on offer. */
const OPEN_SCHEMES: readonly (string | undefined)[] = [undefined, 'PAA', 'SSPI_NTLM'];
/** What a status of ours means for the counters. */
const KINDS: Readonly<Record<number, RefusalKind>> = { 401: 'scheme', 403: 'transport', 409: 'pairing', 503: 'busy' };

const KNOWN_SCHEMES = ['NEGOTIATE', 'NTLM', 'BASIC', 'DIGEST', 'BEARER', 'SMARTCARD', 'CONNID'];

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Where the legs of dual channels meet. */
  readonly pairing: ChannelPairing;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.pairing = new ChannelPairing({ ...options, log: (request, peer) => this.#log(request, peer) });
  }

  /** Serves one connection. Never rejects. */
  async serve(socket: Socket): Promise<void> {
    prepareSocket(socket);
    // For the whole life of the socket: an error between two readers must find a listener.
    socket.on('error', ignoreError);
    const { limits, timeouts } = this.#options.config();
    try {
      const read = await readRequest(socket, { limits, deadlineMs: timeouts.head * 1000 });
      if (read.kind === 'web') this.#options.web.emit('connection', socket);
      else if (read.kind === 'closed' || read.kind === 'idle') socket.destroy();
      else if (read.kind === 'rpc') this.#refuse(socket, { status: 404, reason: 'RPC over HTTP is not offered' });
      else await this.#serveRdg(socket, read.head, read.rest);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  /** A `GET` upgrade that node:http has read. Never rejects. */
  async serveUpgrade(socket: Socket, read: () => RdgRequest, rest: Buffer): Promise<void> {
    socket.on('error', ignoreError);
    try {
      await this.#admit(socket, read(), rest);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  async #serveRdg(socket: Socket, head: RequestHead, rest: Buffer): Promise<void> {
    const request = rdgRequest(head);
    if (request.method === 'RDG_IN_DATA') await this.#serveIn(socket, request, rest);
    else await this.#admit(socket, request, rest);
  }

  /** A request that opens a tunnel: an upgrade, or the OUT leg of the dual channel. */
  async #admit(socket: Socket, request: RdgRequest, rest: Buffer): Promise<void> {
    const refused = await this.#open(socket, request, rest);
    if (refused !== undefined) this.#refuse(socket, refused, request);
  }

  async #open(socket: Socket, request: RdgRequest, rest: Buffer): Promise<Refusal | undefined> {
    const { transports } = this.#options.config();
    const other = wantsOtherScheme(request);
    if (other !== undefined) return other;
    if (request.upgrade && transports.websocket) return this.#openWebSocket(socket, request, request.upgrade, rest);
    if (request.method === 'GET') return { status: 404, reason: 'a browser-style request needs the WebSocket' };
    if (!transports.http) return { status: 403, reason: 'only the WebSocket transport is offered' };
    return this.pairing.wait(socket, request, peerOf(socket));
  }

  async #openWebSocket(
    socket: Socket,
    request: RdgRequest,
    upgrade: WebSocketUpgrade,
    rest: Buffer,
  ): Promise<Refusal | undefined> {
    const { tunnelQuota, tunnel, authenticated } = this.#options;
    const peer = peerOf(socket);
    const full = await tunnelQuota.take();
    if (full !== undefined) return busy(full);
    // The client may have left while the place was asked for: a socket tells that once.
    if (socket.destroyed) return void tunnelQuota.release();
    socket.write(switchingProtocols(upgrade));
    const transport = webSocketTransport(socket, rest);
    const known = (): void => authenticated(socket);
    tunnel({ transport, request, peer, sockets: [socket], authenticated: known, ended: () => undefined });
    return undefined;
  }

  async #serveIn(socket: Socket, first: RdgRequest, firstRest: Buffer): Promise<void> {
    const claim = wantsOtherScheme(first) ?? (await this.pairing.claim(first.connectionId, peerOf(socket)));
    if ('status' in claim) return this.#refuse(socket, claim, first);
    try {
      const { request, rest } = await this.#untilBody(socket, first, firstRest);
      const authenticated = (): void => this.#options.authenticated(socket);
      const refused = await claim.join({ socket, framing: request.body, rest, authenticated });
      if (refused !== undefined) this.#refuse(socket, refused, request);
      else if (request.expectContinue && socket.writable) socket.write(CONTINUE);
    } catch (error) {
      claim.drop();
      throw error;
    }
  }

  /** The request with the body: the first where it has one, else the next on this connection, behind our 200. */
  async #untilBody(
    socket: Socket,
    first: RdgRequest,
    leftover: Buffer,
  ): Promise<{ request: RdgRequest; rest: Buffer }> {
    if (hasBody(first.body)) return { request: first, rest: leftover };
    socket.write(emptyResponse(200));
    const { limits, timeouts } = this.#options.config();
    const read = await readRequest(socket, { limits, deadlineMs: timeouts.pairing * 1000, leftover });
    if (read.kind !== 'rdg') throw new HeadError('IN_NOT_CONTINUED', 'the IN channel was not continued');
    const request = rdgRequest(read.head);
    if (request.method !== 'RDG_IN_DATA' || request.connectionId !== first.connectionId || !hasBody(request.body)) {
      throw new HeadError('IN_NOT_CONTINUED', 'the second request of an IN channel must repeat the first, with a body');
    }
    return { request, rest: read.rest };
  }

  #refuse(socket: Socket, { status, reason, headers }: Refusal, request?: RdgRequest): void {
    this.#log(request, peerOf(socket)).warn('request refused', { status, reason });
    this.#options.counters.refused(KINDS[status] ?? 'request');
    if (socket.writable) socket.write(closingResponse(status, headers));
    endSocket(socket, this.#options.config().timeouts.close * 1000);
  }

  /** Garbage is everyday life on the internet: it is answered, and logged only for those who look for it. */
  #fail(socket: Socket, error: unknown): void {
    const { log, counters, config } = this.#options;
    if (error instanceof HeadError) {
      counters.refused('request');
      log.debug('request refused', {
        peer: peerOf(socket),
        status: error.status,
        code: error.code,
        reason: error.message,
      });
      if (socket.writable) socket.write(refusal(error));
      return endSocket(socket, config().timeouts.close * 1000);
    }
    log.error('connection failed', { peer: peerOf(socket), reason: (error as Error).message });
    socket.destroy();
  }

  #log(request: RdgRequest | undefined, peer: string): Log {
    return this.#options.log.with({ connection: request?.connectionId, correlation: request?.correlationId, peer });
  }
}

/** A client that would prove who it is in a way that is not offered is told which one is. */
function wantsOtherScheme({ authScheme: scheme }: RdgRequest): Refusal | undefined {
  if (OPEN_SCHEMES.includes(scheme)) return undefined;
  // An unknown word may be a token in the wrong place: it must not get into the log.
  const name = KNOWN_SCHEMES.find((known) => known === scheme) ?? 'something unknown';
  const reason = `the client wants ${name}, the gateway takes access tokens`;
  return { status: 401, reason, headers: { 'WWW-Authenticate': 'PAA' } };
}

function hasBody(body: BodyFraming): boolean {
  return body === 'chunked' || (typeof body === 'object' && body.length > 0);
}
