/** The gateway: one TLS port, its tunnels, reload and graceful shutdown. */
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from 'node:net';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import type { Config } from '../config/schema.js';
import { ConnectionAdmission } from './admission/connection-admission.js';
import { type EventLoop, watchEventLoop } from './admission/event-loop.js';
import { LocalTunnelQuota, type TunnelQuota, unlessOverloaded } from './admission/tunnel-quota.js';
import { LocalUserQuota, type UserQuota } from './admission/user-quota.js';
import { ChannelForwarding } from './cluster/forward.js';
import type { SharedState } from './cluster/shared-state.js';
import { listen } from './io/listen.js';
import { peerOf } from './io/sockets.js';
import { Dispatcher } from './listener/dispatch.js';
import { SINGLE_PROCESS } from './listener/pairing.js';
import { createWeb, type Web } from './listener/web.js';
import { Counters, type Counts } from './report/counters.js';
import type { Log } from './report/log.js';
import type { AccessDecisions } from './settings/access-decisions.js';
import { accessDecisionsOf, type RuntimeSettings, secureContext, webSettings } from './settings/runtime-settings.js';
import { Ids } from './tunnel/ids.js';
import { Tunnels } from './tunnel/tunnels.js';

export interface GatewayOptions extends RuntimeSettings {
  readonly config: RuntimeSettings['config'] & Pick<Config, 'listen'>;
  readonly log: Log;
  /** Receives the TLS secrets as lines of the NSS key log format. */
  readonly keylog?: ((line: Buffer) => void) | undefined;
  /** Replaces the watch on the event loop of this process, for tests. The gateway stops it. */
  readonly eventLoop?: EventLoop;
  /** The state shared with the other processes of the same gateway; undefined with a single process. */
  readonly sharedState?: SharedState | undefined;
}

export interface Gateway {
  readonly address: AddressInfo;
  /** Number of tunnels that are open or being set up. */
  readonly tunnels: number;
  /** Number of TCP connections of clients, idle and lingering ones included. */
  readonly connections: number;
  /** The counters. The delay of the event loop covers the time since the last call with `scraped`. */
  counts(scraped?: boolean): Counts;
  /** Whether the port is open. */
  readonly listening: boolean;
  /**
   * Replaces the runtime settings. They apply to new TLS handshakes, access decisions and limits. Sessions keep their
   * connection and their time limits; their next channel is decided anew. An open channel ends only with
   * `auth.whenRevoked: end`, when its right is gone. Throws a `Fault` (`TLS_UNUSABLE`) and then changes nothing.
   */
  reload(settings: RuntimeSettings): void;
  /**
   * Takes no new tunnels, waits at most `ms` for the sessions to end, and closes the remaining ones with 0x4D4.
   * Ordinary HTTP is still served, and requests for new tunnels get a 503.
   */
  settle(ms: number): Promise<void>;
  /** `settle`, then `close`. */
  drain(ms: number): Promise<void>;
  /** Closes the port and every connection at once. */
  close(): Promise<void>;
}

const SHUTTING_DOWN = 'the gateway is shutting down';

/** Starts to listen. Throws a `Fault` of kind `unreachable` when the address cannot be bound. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.listen();
  return gateway;
}

class RunningGateway implements Gateway {
  /** After the start only the options that no reload changes are read from here. */
  readonly #options: GatewayOptions;
  #config: RuntimeSettings['config'];
  #accessDecisions: AccessDecisions;
  /** Resolves when the guards of all replaced settings are closed. */
  #formerGuards: Promise<unknown> = Promise.resolve();
  readonly #listener: Listener;
  /** Never listens: it gets the connections that were admitted. */
  readonly #server: Server;
  readonly #web: Web;
  readonly #dispatcher: Dispatcher;
  readonly #tunnelQuota: TunnelQuota;
  readonly #userQuota: UserQuota;
  readonly #tunnels: Tunnels;
  readonly #forwarding: ChannelForwarding | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #admission: ConnectionAdmission;
  readonly #eventLoop: EventLoop;
  readonly #counters = new Counters();
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { config, log, tls, keylog, sharedState } = options;
    this.#options = options;
    this.#config = config;
    this.#accessDecisions = accessDecisionsOf(options);
    const { timeouts, limits } = config;
    this.#eventLoop = options.eventLoop ?? watchEventLoop(limits.loopDelay, log);
    const counters = this.#counters;
    const overloaded = (): boolean => this.#eventLoop.overloaded;
    const current = (): RuntimeSettings['config'] => this.#config;
    this.#admission = new ConnectionAdmission({
      limits,
      overloaded,
      counters,
      log,
      connectionCount: sharedState?.connectionCount,
    });
    this.#tunnelQuota = sharedState?.tunnelQuota ?? new LocalTunnelQuota(limits.tunnels);
    this.#userQuota = sharedState?.userQuota ?? new LocalUserQuota(limits.tunnelsPerUser);
    this.#tunnels = new Tunnels({
      config: current,
      accessDecisions: () => this.#accessDecisions,
      counters,
      ids: new Ids(sharedState?.ids ?? { first: 1, step: 1 }),
      tunnelQuota: this.#tunnelQuota,
      userQuota: this.#userQuota,
      log,
    });
    this.#forwarding = sharedState && this.#forwardingOf(sharedState);
    this.#web = createWeb({
      settings: webSettings(config),
      unhealthy: () => this.#unhealthy,
      upgrade: (socket, read, rest) => void this.#dispatcher.serveUpgrade(socket, read, rest),
    });
    this.#dispatcher = new Dispatcher({
      config: current,
      log,
      counters,
      web: this.#web.server,
      tunnelQuota: unlessOverloaded(this.#tunnelQuota, overloaded),
      directory: this.#forwarding ?? SINGLE_PROCESS,
      tunnel: (opened) => this.#tunnels.open(opened),
      authenticated: (socket) => this.#admission.authenticated(socket),
    });
    this.#server = createServer({
      ...this.#tls(tls),
      // RDP clients offer no ALPN; any other client gets HTTP/1.1 and nothing else.
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: timeouts.tls * 1000,
    });
    this.#listener = createListener((socket) => this.#accept(socket));
    this.#server.on('secureConnection', (socket) => {
      if (!this.#admission.answersRejected(socket)) void this.#dispatcher.serve(socket);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      log.event('tls.failed', { peer: peerOf(socket), code: error.code, reason: error.message });
      socket.destroy();
    });
    if (keylog) this.#server.on('keylog', keylog);
  }

  #tls(certificate: RuntimeSettings['tls']): TlsOptions {
    const { sharedState } = this.#options;
    return { ...secureContext(certificate), ...(sharedState && { ticketKeys: Buffer.from(sharedState.ticketKeys) }) };
  }

  #forwardingOf({ forwarding, channelRegistry }: SharedState): ChannelForwarding {
    return new ChannelForwarding({
      ...forwarding,
      registry: channelRegistry,
      timeouts: () => this.#config.timeouts,
      forwarded: (client) => {
        this.#options.log.event('channel.forwarded', { peer: peerOf(client) });
        this.#tunnels.addForwarded(client);
      },
    });
  }

  async listen(): Promise<void> {
    const { config, log } = this.#options;
    try {
      await this.#forwarding?.listen((connectionId, peer) => this.#dispatcher.pairing.claimHere(connectionId, peer));
      await listen(this.#listener, config.listen, '--listen');
    } catch (error) {
      this.#forwarding?.close();
      this.#tunnels.stop();
      this.#eventLoop.stop();
      throw error;
    }
    this.#listener.on('error', (error) => log.event('listener.failed', { reason: error.message }));
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
      handshakes: this.#admission.unauthenticated,
      loopDelay: this.#eventLoop.delay(scraped),
    };
    return this.#counters.snapshot(now, this.#tunnels.traffic);
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  reload(settings: RuntimeSettings): void {
    const { config, tls } = settings;
    // The only step that can fail comes first.
    this.#server.setSecureContext(this.#tls(tls));
    this.#config = config;
    const former = this.#accessDecisions;
    this.#accessDecisions = accessDecisionsOf(settings);
    this.#formerGuards = Promise.all([this.#formerGuards, former.close()]);
    this.#admission.adjust(config.limits);
    this.#tunnelQuota.adjust(config.limits.tunnels);
    this.#userQuota.adjust(config.limits.tunnelsPerUser);
    this.#eventLoop.adjust(config.limits.loopDelay);
    this.#web.adjust(webSettings(config));
    this.#tunnels.decisionsReplaced(config.auth.whenRevoked);
  }

  async settle(ms: number): Promise<void> {
    this.#stopAccepting();
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
    this.#stopAccepting();
    this.#tunnels.stop();
    this.#forwarding?.close();
    const listener = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#web.close();
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([listener, ...sockets]);
    this.#eventLoop.stop();
    await Promise.all([this.#formerGuards, this.#accessDecisions.close()]);
  }

  #stopAccepting(): void {
    this.#draining = true;
    this.#tunnelQuota.close(SHUTTING_DOWN);
  }

  #accept(socket: Socket): void {
    if (!this.#admission.admit(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server.emit('connection', socket);
  }

  get #unhealthy(): 'draining' | 'overloaded' | undefined {
    if (this.#draining) return 'draining';
    return this.#eventLoop.overloaded ? 'overloaded' : undefined;
  }
}
