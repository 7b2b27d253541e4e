/** The gateway: one TLS port, the tunnels behind it, and their orderly end. */
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from 'node:net';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import type { Config } from '../config/schema.js';
import { Door } from './admission/connection-admission.js';
import { type Loop, watchLoop } from './admission/event-loop.js';
import { LocalPlaces, type TunnelPlaces, unlessOverloaded } from './admission/tunnel-quota.js';
import { Crossing } from './cluster/forward.js';
import type { Commons } from './cluster/shared-state.js';
import { listen } from './io/listen.js';
import { peerOf } from './io/sockets.js';
import { Front } from './listener/dispatch.js';
import { NO_NEIGHBOURS } from './listener/pairing.js';
import { createWeb, type Web } from './listener/web.js';
import { Counters, type Counts } from './report/counters.js';
import type { Log } from './report/log.js';
import type { Decisions } from './settings/access-decisions.js';
import { decisionsOf, secureContext, type Terms, webSettings } from './settings/runtime-settings.js';
import { Ids } from './tunnel/ids.js';
import { Tunnels } from './tunnel/tunnels.js';

export interface GatewayOptions extends Terms {
  readonly config: Terms['config'] & Pick<Config, 'listen'>;
  readonly log: Log;
  /** Gets lines of the NSS key log format, where sessions are to be decrypted. */
  readonly keylog?: ((line: Buffer) => void) | undefined;
  /** Instead of a watch on the event loop of this process; the gateway stops it. */
  readonly loop?: Loop;
  /** What this process has in common with others that serve the same gateway; it is alone without. */
  readonly commons?: Commons | undefined;
}

export interface Gateway {
  readonly address: AddressInfo;
  /** Tunnels that are up or being set up. */
  readonly tunnels: number;
  /** TCP connections of clients, idle and lingering ones included. */
  readonly connections: number;
  /** What has happened so far. The delay of the event loop is that since the last call that was for a scrape. */
  counts(scraped?: boolean): Counts;
  /** Whether the port is open: not before the start, not behind the end. */
  readonly listening: boolean;
  /**
   * Goes by other terms from now on. Handshakes, decisions and limits to come see the new ones; sessions keep their connection, their
   * identity and their time limits. Throws a `Fault` (`TLS_UNUSABLE`) with everything as it was.
   */
  reload(terms: Terms): void;
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

const SHUTTING_DOWN = 'the gateway is shutting down';

/** Starts to listen. Throws a `Fault` of kind `unreachable` when the address cannot be had. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.listen();
  return gateway;
}

class RunningGateway implements Gateway {
  /** Of these only what no reload changes is looked at later. */
  readonly #options: GatewayOptions;
  #config: Terms['config'];
  #decisions: Decisions;
  /** Ends when the guards of all former terms are closed. */
  #formerGuards: Promise<unknown> = Promise.resolve();
  readonly #listener: Listener;
  /** Never listens: it gets the connections that came through the door. */
  readonly #server: Server;
  readonly #web: Web;
  readonly #front: Front;
  readonly #places: TunnelPlaces;
  readonly #tunnels: Tunnels;
  readonly #crossing: Crossing | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #door: Door;
  readonly #loop: Loop;
  readonly #counters = new Counters();
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { config, log, tls, keylog, commons } = options;
    this.#options = options;
    this.#config = config;
    this.#decisions = decisionsOf(options);
    const { timeouts, limits } = config;
    this.#loop = options.loop ?? watchLoop(limits.loopDelay, log);
    const counters = this.#counters;
    const overloaded = (): boolean => this.#loop.overloaded;
    const current = (): Terms['config'] => this.#config;
    this.#door = new Door({ limits, overloaded, counters, log, census: commons?.census });
    this.#places = commons?.places ?? new LocalPlaces(limits.tunnels);
    this.#tunnels = new Tunnels({
      config: current,
      decisions: () => this.#decisions,
      counters,
      ids: new Ids(commons?.ids ?? { first: 1, step: 1 }),
      places: this.#places,
      log,
    });
    this.#crossing = commons && this.#crossingOf(commons);
    this.#web = createWeb({
      settings: webSettings(config),
      unwell: () => this.#unwell,
      upgrade: (socket, read, rest) => void this.#front.serveUpgrade(socket, read, rest),
    });
    this.#front = new Front({
      config: current,
      log,
      counters,
      web: this.#web.server,
      places: unlessOverloaded(this.#places, overloaded),
      directory: this.#crossing ?? NO_NEIGHBOURS,
      tunnel: (opened) => this.#tunnels.open(opened),
      // A client whose user is known makes room for the next stranger.
      accepted: (socket) => this.#door.known(socket),
    });
    this.#server = createServer({
      ...this.#tls(tls),
      // Clients of the gateway offer no ALPN; whoever does gets HTTP/1.1 and nothing else.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: timeouts.tls * 1000,
    });
    this.#listener = createListener((socket) => this.#welcome(socket));
    this.#server.on('secureConnection', (socket) => {
      if (!this.#door.tellsWhy(socket)) void this.#front.serve(socket);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      log.debug('tls handshake failed', { peer: peerOf(socket), code: error.code, reason: error.message });
      socket.destroy();
    });
    if (keylog) this.#server.on('keylog', keylog);
  }

  #tls(pair: Terms['tls']): TlsOptions {
    const { commons } = this.#options;
    return { ...secureContext(pair), ...(commons && { ticketKeys: Buffer.from(commons.ticketKeys) }) };
  }

  #crossingOf({ crossing, registry }: Commons): Crossing {
    return new Crossing({
      ...crossing,
      registry,
      timeouts: () => this.#config.timeouts,
      guest: (client) => {
        this.#options.log.debug('in channel forwarded', { peer: peerOf(client) });
        this.#tunnels.addGuest(client);
      },
    });
  }

  async listen(): Promise<void> {
    const { config, log } = this.#options;
    try {
      await this.#crossing?.listen((connectionId, peer) => this.#front.meeting.claimHere(connectionId, peer));
      await listen(this.#listener, config.listen, '--listen');
    } catch (error) {
      this.#crossing?.close();
      this.#tunnels.stop();
      this.#loop.stop();
      throw error;
    }
    this.#listener.on('error', (error) => log.error('listener failed', { reason: error.message }));
  }

  get address(): AddressInfo {
    return this.#listener.address() as AddressInfo;
  }

  get tunnels(): number {
    return this.#tunnels.size;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  counts(scraped = true): Counts {
    const now = {
      sessions: this.tunnels,
      connections: this.connections,
      handshakes: this.#door.strangers,
      loopDelay: this.#loop.delay(scraped),
    };
    return this.#counters.snapshot(now, this.#tunnels.traffic);
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  reload(terms: Terms): void {
    // The one step that can fail comes first.
    this.#server.setSecureContext(this.#tls(terms.tls));
    this.#config = terms.config;
    const former = this.#decisions;
    this.#decisions = decisionsOf(terms);
    this.#formerGuards = Promise.all([this.#formerGuards, former.close()]);
    this.#door.adjust(terms.config.limits);
    this.#places.adjust(terms.config.limits.tunnels);
    this.#loop.adjust(terms.config.limits.loopDelay);
    this.#web.adjust(webSettings(terms.config));
  }

  async settle(ms: number): Promise<void> {
    this.#stopGrowing();
    await this.#tunnels.settle(ms);
  }

  async drain(ms: number): Promise<void> {
    await this.settle(ms);
    await this.close();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopGrowing();
    this.#tunnels.stop();
    this.#crossing?.close();
    const listener = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#web.close();
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([listener, ...sockets]);
    this.#loop.stop();
    await Promise.all([this.#formerGuards, this.#decisions.close()]);
  }

  #stopGrowing(): void {
    this.#draining = true;
    this.#places.close(SHUTTING_DOWN);
  }

  #welcome(socket: Socket): void {
    if (!this.#door.enter(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server.emit('connection', socket);
  }

  get #unwell(): 'draining' | 'overloaded' | undefined {
    if (this.#draining) return 'draining';
    return this.#loop.overloaded ? 'overloaded' : undefined;
  }
}
