/** What happens on one TLS connection until a tunnel is born: whose bytes are they, are they welcome, which transport is it. */
import type { Server as WebServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../config/schema.js';
import type { Counters, Refusal } from './counters.js';
import { acceptOut, dualTransport, type OutLeg } from './dual.js';
import { bodyDecoder } from './http/body.js';
import { HeadError } from './http/errors.js';
import type { BodyFraming } from './http/fields.js';
import type { RequestHead } from './http/head.js';
import { readRequest } from './http/reader.js';
import { type RdgRequest, rdgRequest } from './http/request.js';
import {
  CONTINUE,
  closingResponse,
  emptyResponse,
  RETRY_LATER,
  type ResponseHeaders,
  refusal,
  switchingProtocols,
} from './http/respond.js';
import type { Log } from './log.js';
import { Pairing } from './pairing.js';
import { endSocket, peerOf, prepareSocket, unheard } from './sockets.js';
import type { Transport, TransportEnd } from './transport.js';
import { webSocketTransport } from './websocket.js';

export interface FrontOptions {
  /** The settings of this moment: a reload changes them. */
  readonly config: () => Pick<Config, 'limits' | 'timeouts' | 'transports'>;
  readonly log: Log;
  readonly counters: Counters;
  /** Takes sockets that speak ordinary HTTP. */
  readonly web: WebServer;
  /** Why no new tunnel is taken now; undefined when there is room. */
  readonly busy: () => string | undefined;
  /** A transport is up: from here on the tunnel owns it. Calls `ended` when nothing of it is left. */
  readonly tunnel: (opened: OpenedTransport) => void;
}

export interface OpenedTransport {
  readonly transport: Transport;
  readonly request: RdgRequest;
  readonly peer: string;
  readonly sockets: readonly Socket[];
  readonly ended: () => void;
}

/** An OUT leg that waits, and whom to tell about its death. */
interface WaitingOut {
  leg?: OutLeg;
  request: RdgRequest;
  died: (how: TransportEnd, detail?: string) => void;
  timer?: NodeJS.Timeout;
}

/** Schemes that need nothing on the HTTP level; SSPI_NTLM is told inside the tunnel that it is not on offer. */
const OPEN_SCHEMES: readonly (string | undefined)[] = [undefined, 'PAA', 'SSPI_NTLM'];
/** What a status of ours means for the counters. */
const REFUSALS: Readonly<Record<number, Refusal>> = { 401: 'scheme', 403: 'transport', 409: 'pairing', 503: 'busy' };

const KNOWN_SCHEMES = ['NEGOTIATE', 'NTLM', 'BASIC', 'DIGEST', 'BEARER', 'SMARTCARD', 'CONNID'];

export class Front {
  readonly #options: FrontOptions;
  readonly #pairing = new Pairing<WaitingOut>();

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  /** Serves one connection. Never rejects. */
  async serve(socket: Socket): Promise<void> {
    prepareSocket(socket);
    // For the whole life of the socket: an error between two readers must find a listener.
    socket.on('error', unheard);
    const { limits, timeouts } = this.#options.config();
    try {
      const read = await readRequest(socket, { limits, deadlineMs: timeouts.head * 1000 });
      if (read.kind === 'web') this.#options.web.emit('connection', socket);
      else if (read.kind === 'closed' || read.kind === 'idle') socket.destroy();
      else if (read.kind === 'rpc') this.#refuse(socket, 404, 'RPC over HTTP is not offered');
      else await this.#serveRdg(socket, read.head, read.rest);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  /** A `GET` upgrade that node:http has read. */
  serveUpgrade(socket: Socket, read: () => RdgRequest, rest: Buffer): void {
    socket.on('error', unheard);
    try {
      this.#admit(socket, read(), rest);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  async #serveRdg(socket: Socket, head: RequestHead, rest: Buffer): Promise<void> {
    const request = rdgRequest(head);
    if (request.method === 'RDG_IN_DATA') await this.#serveIn(socket, request, rest);
    else this.#admit(socket, request, rest);
  }

  /** A request that opens a tunnel: an upgrade, or the OUT leg of the dual channel. */
  #admit(socket: Socket, request: RdgRequest, rest: Buffer): void {
    const { transports } = this.#options.config();
    if (this.#turnsAway(socket, request)) return;
    if (this.#wantsOtherScheme(socket, request)) return;
    if (request.upgrade && transports.websocket) {
      socket.write(switchingProtocols(request.upgrade));
      const transport = webSocketTransport(socket, rest);
      const peer = peerOf(socket);
      return this.#options.tunnel({ transport, request, peer, sockets: [socket], ended: () => undefined });
    }
    if (request.method === 'GET')
      return this.#refuse(socket, 404, 'a browser-style request needs the WebSocket', request);
    if (!transports.http) return this.#refuse(socket, 403, 'only the WebSocket transport is offered', request);
    this.#serveOut(socket, request);
  }

  #serveOut(socket: Socket, request: RdgRequest): void {
    const peer = peerOf(socket);
    const { pairing, close } = this.#options.config().timeouts;
    const waiting: WaitingOut = {
      request,
      died: () => {
        this.#forget(peer, waiting);
        waiting.leg?.end(close * 1000);
      },
    };
    if (!this.#pairing.add(request.connectionId, peer, waiting)) {
      return this.#refuse(socket, 409, 'this connection id has an OUT channel already', request);
    }
    waiting.timer = setTimeout(() => {
      this.#log(request, peer).info('request ended', { reason: 'no IN channel joined in time' });
      waiting.died('client closed');
    }, pairing * 1000);
    waiting.leg = acceptOut(socket, this.#options.config().transports.outEncoding, (how, detail) =>
      waiting.died(how, detail),
    );
  }

  async #serveIn(socket: Socket, first: RdgRequest, firstRest: Buffer): Promise<void> {
    if (this.#wantsOtherScheme(socket, first)) return;
    const peer = peerOf(socket);
    const waiting = this.#pairing.claim(first.connectionId, peer);
    if (!waiting?.leg) return this.#refuse(socket, 409, 'no OUT channel waits under this connection id', first);
    if (this.#turnsAway(socket, first)) return waiting.died('client closed');
    try {
      const { request, rest } = await this.#untilBody(socket, first, firstRest);
      // INVARIANT: asked again with nothing awaited until the tunnel is counted. There was room before the client took its time.
      if (this.#turnsAway(socket, request)) return waiting.died('client closed');
      if (request.expectContinue) socket.write(CONTINUE);
      clearTimeout(waiting.timer);
      const { leg } = waiting;
      if (!leg.socket.writable) throw new HeadError('OUT_GONE', 'the OUT channel ended before its IN channel began');
      const linger = this.#options.config().timeouts.close * 1000;
      const transport = dualTransport(leg, { socket, body: bodyDecoder(request.body), rest }, linger);
      waiting.died = (how, detail) => {
        // At once, though the transport may wait for the other leg: FreeRDP reconnects under the same id.
        this.#forget(peer, waiting);
        transport.outDied(how, detail);
      };
      this.#options.tunnel({
        transport,
        request: waiting.request,
        peer,
        sockets: [leg.socket, socket],
        ended: () => this.#forget(peer, waiting),
      });
    } catch (error) {
      // The IN leg was the first and only one: without it the OUT leg has nothing to wait for.
      waiting.died('client closed');
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

  /** Refuses a client for which there is no room now. */
  #turnsAway(socket: Socket, request: RdgRequest): boolean {
    const busy = this.#options.busy();
    if (busy !== undefined) this.#refuse(socket, 503, busy, request, RETRY_LATER);
    return busy !== undefined;
  }

  /** Refuses a client that would prove who it is in a way that is not offered. */
  #wantsOtherScheme(socket: Socket, request: RdgRequest): boolean {
    const { authScheme: scheme } = request;
    if (OPEN_SCHEMES.includes(scheme)) return false;
    // An unknown word may be a token in the wrong place: it must not get into the log.
    const name = KNOWN_SCHEMES.find((known) => known === scheme) ?? 'something unknown';
    const reason = `the client wants ${name}, the gateway takes access tokens`;
    this.#refuse(socket, 401, reason, request, { 'WWW-Authenticate': 'PAA' });
    return true;
  }

  #forget(peer: string, waiting: WaitingOut): void {
    clearTimeout(waiting.timer);
    this.#pairing.remove(waiting.request.connectionId, peer, waiting);
  }

  #refuse(socket: Socket, status: number, reason: string, request?: RdgRequest, headers: ResponseHeaders = {}): void {
    this.#log(request, peerOf(socket)).warn('request refused', { status, reason });
    this.#options.counters.refused(REFUSALS[status] ?? 'request');
    if (socket.writable) socket.write(closingResponse(status, headers));
    endSocket(socket, this.#options.config().timeouts.close * 1000);
  }

  /** Garbage is everyday life on the internet: it is answered, and logged only for those who look for it. */
  #fail(socket: Socket, error: unknown): void {
    const { log, counters } = this.#options;
    if (error instanceof HeadError) {
      counters.refused('request');
      log.debug('request refused', {
        peer: peerOf(socket),
        status: error.status,
        code: error.code,
        reason: error.message,
      });
      if (socket.writable) socket.write(refusal(error));
      return endSocket(socket, this.#options.config().timeouts.close * 1000);
    }
    log.error('connection failed', { peer: peerOf(socket), reason: (error as Error).message });
    socket.destroy();
  }

  #log(request: RdgRequest | undefined, peer: string): Log {
    return this.#options.log.with({ connection: request?.connectionId, correlation: request?.correlationId, peer });
  }
}

function hasBody(body: BodyFraming): boolean {
  return body === 'chunked' || (typeof body === 'object' && body.length > 0);
}
