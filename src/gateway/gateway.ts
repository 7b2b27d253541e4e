/** The gateway: one TLS port, the tunnels behind it, and their orderly end. */
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { Config } from '../config/schema.js';
import { RESULT } from '../protocol/index.js';
import { Counters, type Counts } from './counters.js';
import type { Decisions } from './decisions.js';
import { Door } from './door.js';
import { Front, type OpenedTransport } from './front.js';
import { listen } from './listen.js';
import type { Log } from './log.js';
import { type Loop, watchLoop } from './loop.js';
import { peerOf } from './sockets.js';
import type { TargetOpener } from './target.js';
import { decisionsOf, secureContext, type Terms, webSettings } from './terms.js';
import { Tunnel, type Verdict } from './tunnel.js';
import { createWeb, type Web } from './web.js';

export interface GatewayOptions extends Terms {
  readonly config: Terms['config'] & Pick<Config, 'listen'>;
  readonly log: Log;
  /** Gets lines of the NSS key log format, where sessions are to be decrypted. */
  readonly keylog?: ((line: Buffer) => void) | undefined;
  /** Instead of a watch on the event loop of this process; the gateway stops it. */
  readonly loop?: Loop;
}

export interface Gateway {
  readonly address: AddressInfo;
  /** Tunnels that are up or being set up. */
  readonly tunnels: number;
  /** TCP connections of clients, idle and lingering ones included. */
  readonly connections: number;
  /** What has happened so far. The delay of the event loop is that since the last call. */
  counts(): Counts;
  /** Whether the port is open: not before the start, not behind the end. */
  readonly listening: boolean;
  /**
   * Goes by other terms from now on. Handshakes, decisions and limits to come see the new ones; sessions keep their connection, their
   * identity and their time limits. Throws a `Fault` (`TLS_UNUSABLE`) with everything as it was.
   */
  reload(terms: Terms): void;
  /**
   * Takes no new tunnels and waits: for the sessions to end, at most `ms`, then closes what is left with 0x4D4.
   * Ordinary HTTP is answered until the end.
   */
  drain(ms: number): Promise<void>;
  /** Cuts everything. */
  close(): Promise<void>;
}

/** Beside what clients are given to answer: the time that our own work may take on a busy machine. */
const SLACK_MS = 2_000;
/** How often sessions are looked at for sides that have stalled: each look is two numbers, and ten thousand of them a millisecond. */
const LOOK_MS = 1_000;
/** Above 2^31 nothing is gained, and 0 is no channel id that Windows clients take. */
const MAX_ID = 0x7fffffff;

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
  readonly #tunnels = new Set<Tunnel>();
  readonly #sockets = new Set<Socket>();
  readonly #door: Door;
  readonly #loop: Loop;
  readonly #counters = new Counters();
  /** Connections that carry or carried a tunnel; one leaves when the last of its bytes is sent. */
  readonly #carriers = new Set<Socket>();
  #draining = false;
  #closed: Promise<void> | undefined;
  /** Called whenever the last tunnel has ended. */
  readonly #onEmpty = new Set<() => void>();
  readonly #looking: NodeJS.Timeout;
  #ids = 0;

  constructor(options: GatewayOptions) {
    const { config, log, tls, keylog } = options;
    this.#options = options;
    this.#config = config;
    this.#decisions = decisionsOf(options);
    const { timeouts, limits } = config;
    this.#loop = options.loop ?? watchLoop(limits.loopDelay, log);
    const counters = this.#counters;
    this.#door = new Door({ limits, overloaded: () => this.#loop.overloaded, counters, log });
    this.#web = createWeb({
      settings: webSettings(config),
      unwell: () => this.#unwell,
      upgrade: (socket, read, rest) => this.#front.serveUpgrade(socket, read, rest),
    });
    this.#front = new Front({
      config: () => this.#config,
      log,
      counters,
      web: this.#web.server,
      busy: () => this.#busy(),
      tunnel: (opened) => this.#openTunnel(opened),
    });
    this.#server = createServer({
      ...secureContext(tls),
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
    this.#looking = setInterval(() => {
      for (const tunnel of this.#tunnels) tunnel.look();
    }, LOOK_MS);
  }

  async listen(): Promise<void> {
    const { config, log } = this.#options;
    try {
      await listen(this.#listener, config.listen, '--listen');
    } catch (error) {
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

  counts(): Counts {
    const now = {
      sessions: this.tunnels,
      connections: this.connections,
      handshakes: this.#door.strangers,
      loopDelay: this.#loop.delay(),
    };
    return this.#counters.snapshot(
      now,
      [...this.#tunnels].map(({ traffic }) => traffic),
    );
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  reload(terms: Terms): void {
    // The one step that can fail comes first.
    this.#server.setSecureContext(secureContext(terms.tls));
    this.#config = terms.config;
    const former = this.#decisions;
    this.#decisions = decisionsOf(terms);
    this.#formerGuards = Promise.all([this.#formerGuards, former.close()]);
    this.#door.adjust(terms.config.limits);
    this.#loop.adjust(terms.config.limits.loopDelay);
    this.#web.adjust(webSettings(terms.config));
  }

  async drain(ms: number): Promise<void> {
    this.#draining = true;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty.add(resolve);
    });
    if (this.#tunnels.size > 0) await within(ms, empty);
    for (const tunnel of this.#tunnels) tunnel.close(RESULT.ERROR_CONNECTION_ABORTED);
    // A client may take its time to confirm the end, and then to read what is left. Nothing here waits for longer.
    const close = this.#config.timeouts.close * 1000;
    if (this.#tunnels.size > 0) await within(close + SLACK_MS, empty);
    const gone = [...this.#carriers].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await within(close + SLACK_MS, Promise.all(gone));
    await this.close();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#looking);
    const listener = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#web.close();
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([listener, ...sockets]);
    this.#loop.stop();
    await Promise.all([this.#formerGuards, this.#decisions.close()]);
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

  #busy(): string | undefined {
    if (this.#draining) return 'the gateway is shutting down';
    if (this.#loop.overloaded) return 'limits.loopDelay is exceeded';
    return this.#tunnels.size >= this.#config.limits.tunnels ? 'limits.tunnels is reached' : undefined;
  }

  #openTunnel({ transport, request, peer, sockets, ended }: OpenedTransport): void {
    const { log } = this.#options;
    const { identity, setup, keepAlive, close, stall } = this.#config.timeouts;
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
    const authenticate = async (token: string, left: AbortSignal): Promise<Verdict> => {
      const verdict = await this.#decisions.authenticate({ ...question, token, now: Date.now() }, left);
      if (!('identity' in verdict)) this.#counters.refused('user');
      return verdict;
    };
    const tunnel = new Tunnel(transport, {
      authenticate,
      // Asked anew each time: a rule that is gone opens no further channel, whoever came by it.
      openTarget: (...question) => this.#openTarget(...question),
      log: tunnelLog,
      timeouts: {
        identity: identity * 1000,
        setup: setup * 1000,
        keepAlive: keepAlive * 1000,
        close: close * 1000,
        stall: stall * 1000,
      },
      tunnelId: this.#nextId(),
      nextChannelId: () => this.#nextId(),
      accepted: () => {
        // A client whose user is known makes room for the next stranger.
        for (const socket of sockets) this.#door.known(socket);
      },
      ended: (cause) => {
        this.#tunnels.delete(tunnel);
        this.#counters.ended(cause, tunnel.traffic);
        ended();
        if (this.#tunnels.size === 0) for (const empty of this.#onEmpty) empty();
      },
    });
    for (const socket of sockets) {
      this.#carriers.add(socket);
      socket.once('close', () => this.#carriers.delete(socket));
    }
    this.#tunnels.add(tunnel);
    this.#counters.opened();
    tunnel.start();
  }

  readonly #openTarget: TargetOpener = async (...question) => {
    const opened = await this.#decisions.openTarget(...question);
    if (!('relay' in opened)) this.#counters.refused('target');
    return opened;
  };

  #nextId(): number {
    this.#ids = (this.#ids % MAX_ID) + 1;
    return this.#ids;
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
