/** The gateway: its listeners, its tunnels, reload and graceful shutdown. */
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Config } from '../config/schema.js';
import { type TrustedProxies, trustedProxies } from '../proxy/trusted.js';
import { ConnectionAdmission } from './admission/connection-admission.js';
import { type EventLoop, watchEventLoop } from './admission/event-loop.js';
import type { Milestone } from './admission/milestones.js';
import { LocalTunnelQuota, type TunnelQuota, unlessOverloaded } from './admission/tunnel-quota.js';
import { LocalUserQuota, type UserQuota } from './admission/user-quota.js';
import { ChannelForwarding } from './cluster/forward.js';
import type { SharedState } from './cluster/shared-state.js';
import { connectionOf } from './io/connection.js';
import { peerOf } from './io/sockets.js';
import { Dispatcher } from './listener/dispatch.js';
import { Listeners } from './listener/listeners.js';
import { SINGLE_PROCESS } from './listener/pairing.js';
import type { Unhealthy } from './listener/web.js';
import { Counters, type Counts } from './report/counters.js';
import type { Log } from './report/log.js';
import type { AccessDecisions } from './settings/access-decisions.js';
import { accessDecisionsOf, type RuntimeSettings, secureContext } from './settings/runtime-settings.js';
import { newTicketKeys } from './settings/ticket-keys.js';
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
  /** The TCP addresses in the order of `listen`; undefined for a Unix socket. */
  readonly addresses: readonly (AddressInfo | undefined)[];
  /** Number of tunnels that are open or being set up. */
  readonly tunnels: number;
  /** Number of TCP connections of clients, idle and lingering ones included. */
  readonly connections: number;
  /** The counters. The delay of the event loop covers the time since the last call with `scraped`. */
  counts(scraped?: boolean): Counts;
  /** Whether all addresses are open. */
  readonly listening: boolean;
  /**
   * Replaces the runtime settings. They apply to new TLS handshakes, access decisions and limits. Sessions keep their
   * connection and their time limits; their next channel is decided anew. An open channel ends only with
   * `auth.whenRevoked: end`, when its right is gone. Throws a `Fault` (`TLS_UNUSABLE`) and then changes nothing.
   */
  reload(settings: RuntimeSettings): void;
  /** Replaces the keys of TLS session tickets. */
  useTicketKeys(keys: Uint8Array): void;
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
  #isTrusted: TrustedProxies;
  #accessDecisions: AccessDecisions;
  /** Resolves when the guards of all replaced settings are closed. */
  #formerGuards: Promise<unknown> = Promise.resolve();
  readonly #listeners: Listeners;
  readonly #dispatcher: Dispatcher;
  readonly #tunnelQuota: TunnelQuota;
  readonly #userQuota: UserQuota;
  readonly #tunnels: Tunnels;
  readonly #forwarding: ChannelForwarding | undefined;
  readonly #admission: ConnectionAdmission;
  readonly #eventLoop: EventLoop;
  readonly #counters = new Counters();
  #ticketKeys: Uint8Array;
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { config, log, tls, keylog, sharedState } = options;
    this.#options = options;
    this.#config = config;
    this.#isTrusted = trustedProxies(config.trustedProxies);
    this.#accessDecisions = accessDecisionsOf(options);
    this.#ticketKeys = sharedState?.ticketKeys ?? newTicketKeys();
    const { timeouts, limits } = config;
    this.#eventLoop = options.eventLoop ?? watchEventLoop(limits.loopDelay, log);
    const counters = this.#counters;
    const overloaded = (): boolean => this.#eventLoop.overloaded;
    const current = (): RuntimeSettings['config'] => this.#config;
    const isTrusted: TrustedProxies = (address) => this.#isTrusted(address);
    this.#admission = new ConnectionAdmission({
      limits,
      timeouts,
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
      progressed: (socket, milestone) => this.#progressed(socket, milestone),
      log,
    });
    this.#forwarding = sharedState && this.#forwardingOf(sharedState);
    this.#dispatcher = new Dispatcher({
      config: current,
      log,
      counters,
      unhealthy: () => this.#unhealthy,
      tunnelQuota: unlessOverloaded(this.#tunnelQuota, overloaded),
      directory: this.#forwarding ?? SINGLE_PROCESS,
      isTrusted,
      identify: (socket, address) => {
        const connection = connectionOf(socket);
        return connection && this.#admission.identify(connection, address);
      },
      tunnel: (opened) => this.#tunnels.open(opened),
      progressed: (socket, milestone) => this.#progressed(socket, milestone),
      authenticated: (socket) => {
        const connection = connectionOf(socket);
        if (connection) this.#admission.authenticated(connection);
      },
    });
    this.#listeners = new Listeners({
      entries: options.config.listen,
      tls: this.#tls(tls),
      timeouts: () => this.#config.timeouts,
      isTrusted,
      admission: this.#admission,
      log,
      keylog,
      serve: (socket) => void this.#dispatcher.serve(socket),
    });
  }

  #tls(certificate: RuntimeSettings['tls']): TlsOptions {
    return { ...secureContext(certificate), ticketKeys: Buffer.from(this.#ticketKeys) };
  }

  #forwardingOf({ forwarding, channelRegistry }: SharedState): ChannelForwarding {
    return new ChannelForwarding({
      ...forwarding,
      registry: channelRegistry,
      timeouts: () => this.#config.timeouts,
      forwarded: (client) => {
        this.#options.log.event('channel.forwarded', { peer: peerOf(client) });
        this.#progressed(client, 'transport');
        this.#tunnels.addForwarded(client);
      },
    });
  }

  async listen(): Promise<void> {
    try {
      await this.#forwarding?.listen((key, channel) => this.#dispatcher.pairing.joinHere(key, channel));
      await this.#listeners.listen();
    } catch (error) {
      this.#forwarding?.close();
      this.#tunnels.stop();
      this.#eventLoop.stop();
      throw error;
    }
  }

  get addresses(): readonly (AddressInfo | undefined)[] {
    return this.#listeners.addresses;
  }

  get tunnels(): number {
    return this.#tunnels.size;
  }

  get connections(): number {
    return this.#listeners.connections;
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
    return this.#listeners.listening;
  }

  reload(settings: RuntimeSettings): void {
    const { config, tls } = settings;
    // The only step that can fail comes first.
    this.#listeners.setTls(this.#tls(tls));
    this.#config = config;
    this.#isTrusted = trustedProxies(config.trustedProxies);
    const former = this.#accessDecisions;
    this.#accessDecisions = accessDecisionsOf(settings);
    this.#formerGuards = Promise.all([this.#formerGuards, former.close()]);
    this.#admission.adjust(config.limits);
    this.#tunnelQuota.adjust(config.limits.tunnels);
    this.#userQuota.adjust(config.limits.tunnelsPerUser);
    this.#eventLoop.adjust(config.limits.loopDelay);
    this.#tunnels.decisionsReplaced(config.auth.whenRevoked);
  }

  useTicketKeys(keys: Uint8Array): void {
    this.#ticketKeys = keys;
    this.#listeners.setTicketKeys(keys);
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
    await this.#listeners.close();
    this.#eventLoop.stop();
    await Promise.all([this.#formerGuards, this.#accessDecisions.close()]);
  }

  #stopAccepting(): void {
    this.#draining = true;
    this.#tunnelQuota.close(SHUTTING_DOWN);
  }

  #progressed(socket: Socket, milestone: Milestone): void {
    const connection = connectionOf(socket);
    if (connection) this.#admission.progressed(connection, milestone);
  }

  get #unhealthy(): Unhealthy {
    if (this.#draining) return 'draining';
    return this.#eventLoop.overloaded ? 'overloaded' : undefined;
  }
}
