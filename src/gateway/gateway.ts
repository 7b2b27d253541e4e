/** The gateway: one TLS port, the tunnels behind it, and their orderly end. */
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { Config } from '../config/schema.js';
import type { Guard } from '../policy/guard.js';
import type { Rule } from '../policy/rules.js';
import { RESULT } from '../protocol/index.js';
import type { Commons } from './commons.js';
import { Crossing } from './crossing.js';
import { Front, peerOf } from './front.js';
import { Ids } from './ids.js';
import { listenFault } from './listen-fault.js';
import type { Log } from './log.js';
import { NO_NEIGHBOURS } from './meeting.js';
import type { OpenedTransport } from './opened.js';
import { Strangers } from './strangers.js';
import { type TargetOpener, targetOpener } from './target.js';
import { Tunnel, type Verdict } from './tunnel.js';
import { LocalPlaces, type TunnelPlaces } from './tunnel-places.js';
import { createWeb } from './web.js';

export interface GatewayOptions {
  readonly config: Pick<Config, 'listen' | 'limits' | 'timeouts' | 'transports'>;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly guard: Guard;
  readonly rules: readonly Rule[];
  readonly log: Log;
  /** Gets lines of the NSS key log format, where sessions are to be decrypted. */
  readonly keylog?: ((line: Buffer) => void) | undefined;
  /** What this process has in common with others that serve the same gateway; it is alone without. */
  readonly commons?: Commons | undefined;
}

export interface Gateway {
  readonly address: AddressInfo;
  /** Tunnels that are up or being set up. */
  readonly tunnels: number;
  /** TCP connections of clients, idle and lingering ones included. */
  readonly connections: number;
  /**
   * Takes no new tunnels and waits: for the sessions to end, at most `ms`, then closes what is left with 0x4D4.
   * Ordinary HTTP, and whoever comes too late, is still answered.
   */
  settle(ms: number): Promise<void>;
  /** Settles, then closes. */
  drain(ms: number): Promise<void>;
  /** Cuts everything. */
  close(): Promise<void>;
}

/** The client waits 30 s for an answer (MS-TSGU 4.2.1): a target must be found or given up before. */
const ALL_TARGETS_MS = 25_000;
/** Beside what clients are given to answer: the time that our own work may take on a busy machine. */
const SLACK_MS = 2_000;
const SHUTTING_DOWN = 'the gateway is shutting down';

/** Starts to listen. Throws a `Fault` of kind `unreachable` when the address cannot be had. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.listen();
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #web;
  readonly #front: Front;
  readonly #openTarget: TargetOpener;
  readonly #tunnels = new Set<Tunnel>();
  readonly #sockets = new Set<Socket>();
  readonly #strangers: Strangers;
  readonly #places: TunnelPlaces;
  readonly #ids: Ids;
  readonly #crossing: Crossing | undefined;
  /** Clients of sessions in another process: to wait for like tunnels of our own. */
  readonly #guests = new Set<Socket>();
  /** Connections that carry or carried a tunnel; one leaves when the last of its bytes is sent. */
  readonly #carriers = new Set<Socket>();
  #draining = false;
  #closed: Promise<void> | undefined;
  /** Called whenever the last session has ended. */
  readonly #onEmpty = new Set<() => void>();
  #turnedAway = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { config, rules, guard, log, tls, keylog, commons } = options;
    const { timeouts, limits } = config;
    this.#strangers = new Strangers(limits.handshakes, limits.handshakesPerAddress, commons?.census);
    this.#places = commons?.places ?? new LocalPlaces(limits.tunnels);
    this.#ids = new Ids(commons?.ids ?? { first: 1, step: 1 });
    this.#crossing =
      commons &&
      new Crossing({
        ...commons.crossing,
        registry: commons.registry,
        timeouts: { pairing: timeouts.pairing * 1000, close: timeouts.close * 1000 },
        guest: (client) => {
          log.debug('in channel forwarded', { peer: peerOf(client) });
          this.#keepUntilClosed(client, this.#guests);
        },
      });
    this.#openTarget = targetOpener(
      { rules, authorize: guard.authorize },
      { dial: timeouts.dial * 1000, decision: timeouts.decision * 1000, all: ALL_TARGETS_MS },
    );
    this.#web = createWeb({
      limits,
      headTimeoutMs: timeouts.head * 1000,
      closeTimeoutMs: timeouts.close * 1000,
      healthy: () => !this.#draining,
      upgrade: (socket, read, rest) => void this.#front.serveUpgrade(socket, read, rest),
    });
    this.#front = new Front({
      config,
      log,
      web: this.#web,
      places: this.#places,
      directory: this.#crossing ?? NO_NEIGHBOURS,
      tunnel: (opened) => this.#openTunnel(opened),
      // A client whose user is known makes room for the next stranger.
      accepted: (socket) => this.#strangers.remove(socket),
    });
    this.#server = createServer({
      ...tls,
      // Clients of the gateway offer no ALPN; whoever does gets HTTP/1.1 and nothing else.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: timeouts.tls * 1000,
      minVersion: 'TLSv1.2',
    });
    this.#server.on('connection', (socket: Socket) => this.#welcome(socket));
    this.#server.on('secureConnection', (socket) => void this.#front.serve(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      log.debug('tls handshake failed', { peer: peerOf(socket), code: error.code, reason: error.message });
      socket.destroy();
    });
    if (keylog) this.#server.on('keylog', keylog);
  }

  async listen(): Promise<void> {
    await this.#crossing?.listen((connectionId, peer) => this.#front.meeting.claimHere(connectionId, peer));
    const { host, port } = this.#options.config.listen;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => reject(listenFault(error, host, port));
      this.#server.once('error', failed);
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) => this.#options.log.error('listener failed', { reason: error.message }));
        resolve();
      });
    });
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  get tunnels(): number {
    return this.#tunnels.size;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async drain(ms: number): Promise<void> {
    await this.settle(ms);
    await this.close();
  }

  async settle(ms: number): Promise<void> {
    this.#stopGrowing();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty.add(resolve);
    });
    if (this.#sessions > 0) await within(ms, empty);
    for (const tunnel of this.#tunnels) tunnel.close(RESULT.ERROR_CONNECTION_ABORTED);
    // A client may take its time to confirm the end, and then to read what is left. Nothing here waits for longer.
    const close = this.#options.config.timeouts.close * 1000;
    if (this.#sessions > 0) await within(close + SLACK_MS, empty);
    const gone = [...this.#carriers].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await within(close + SLACK_MS, Promise.all(gone));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopGrowing();
    this.#crossing?.close();
    const listener = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#web.close();
    this.#web.closeAllConnections();
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([listener, ...sockets]);
    await this.#options.guard.close();
  }

  #stopGrowing(): void {
    this.#draining = true;
    this.#places.close(SHUTTING_DOWN);
  }

  /** Tunnels of this process, and clients of tunnels in others. */
  get #sessions(): number {
    return this.#tunnels.size + this.#guests.size;
  }

  #sessionEnded(): void {
    if (this.#sessions === 0) for (const empty of this.#onEmpty) empty();
  }

  /** The cap on handshakes is held before TLS costs anything. */
  #welcome(socket: Socket): void {
    socket.on('error', () => undefined);
    const turnAway = (setting: string): void => {
      this.#logTurnedAway(socket, setting);
      socket.destroy();
    };
    const full = this.#strangers.add(socket, turnAway);
    if (full !== undefined) return turnAway(full);
    this.#keepUntilClosed(socket, this.#sockets);
  }

  /** One line per thousand: under a flood the log must not be the next victim. */
  #logTurnedAway(socket: Socket, reason: string): void {
    if (this.#turnedAway++ % 1000 !== 0) return;
    const facts = { reason, peer: peerOf(socket), total: this.#turnedAway };
    this.#options.log.warn('connections turned away', facts);
  }

  #openTunnel({ transport, request, peer, sockets, accepted, ended }: OpenedTransport): void {
    const { guard, config, log } = this.#options;
    const { identity, setup, keepAlive, close } = config.timeouts;
    const { connectionId, correlationId } = request;
    const tunnelLog = log.with({
      connection: connectionId,
      correlation: correlationId,
      peer,
      transport: transport.kind,
    });
    const { userId, clientGeneration, clientBuild } = request;
    tunnelLog.debug('transport opened', { userId, clientGeneration, clientBuild });
    const question = { scheme: 'PAA', peer, connectionId, correlationId, clientName: undefined } as const;
    const authenticate = (token: string, left: AbortSignal): Promise<Verdict> =>
      guard.authenticate({ ...question, token, now: Date.now() }, left);
    const tunnel = new Tunnel(transport, {
      authenticate,
      openTarget: this.#openTarget,
      log: tunnelLog,
      timeouts: { identity: identity * 1000, setup: setup * 1000, keepAlive: keepAlive * 1000, close: close * 1000 },
      tunnelId: this.#ids.next(),
      nextChannelId: () => this.#ids.next(),
      accepted,
      ended: () => {
        this.#tunnels.delete(tunnel);
        this.#places.giveBack();
        ended();
        this.#sessionEnded();
      },
    });
    for (const socket of sockets) this.#keepUntilClosed(socket, this.#carriers);
    this.#tunnels.add(tunnel);
    tunnel.start();
  }

  #keepUntilClosed(socket: Socket, set: Set<Socket>): void {
    set.add(socket);
    socket.once('close', () => {
      set.delete(socket);
      if (set === this.#guests) this.#sessionEnded();
    });
  }
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
