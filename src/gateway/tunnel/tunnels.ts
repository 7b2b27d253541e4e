/** The tunnels of this process: born from a transport, looked after, counted, and waited for at the end. */
import type { Socket } from 'node:net';
import { RESULT } from '../../protocol/index.js';
import type { TunnelQuota } from '../admission/tunnel-quota.js';
import type { Counters, Traffic } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { AccessDecisions } from '../settings/access-decisions.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';
import type { TargetOpener } from '../target/dial.js';
import type { OpenedTransport } from '../transport/opened.js';
import type { Ids } from './ids.js';
import { Tunnel, type Verdict } from './tunnel.js';

export interface TunnelsOptions {
  /** Of this moment, like the decisions: a reload changes both. */
  readonly config: () => RuntimeSettings['config'];
  readonly accessDecisions: () => AccessDecisions;
  readonly counters: Counters;
  readonly ids: Ids;
  /** Where a place was taken for each tunnel. */
  readonly tunnelQuota: TunnelQuota;
  readonly log: Log;
}

/** Beside what clients are given to answer: the time that our own work may take on a busy machine. */
const SLACK_MS = 2_000;
/** How often sessions are looked at for sides that have stalled: each look is two numbers, and ten thousand of them a millisecond. */
const STALL_CHECK_MS = 1_000;

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #all = new Set<Tunnel>();
  /** Clients of sessions in another process: to wait for like tunnels of our own. */
  readonly #forwarded = new Set<Socket>();
  /** Connections that carry or carried a tunnel; one leaves when the last of its bytes is sent. */
  readonly #carriers = new Set<Socket>();
  /** Called whenever the last session has ended. */
  readonly #onEmpty = new Set<() => void>();
  readonly #stallTimer: NodeJS.Timeout;

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#stallTimer = setInterval(() => {
      for (const tunnel of this.#all) tunnel.checkStalled();
    }, STALL_CHECK_MS);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Of the tunnels that are up. */
  get traffic(): readonly Traffic[] {
    return [...this.#all].map(({ traffic }) => traffic);
  }

  /** The client of a session that is another process's. */
  addForwarded(client: Socket): void {
    if (client.closed) return;
    this.#forwarded.add(client);
    client.once('close', () => {
      this.#forwarded.delete(client);
      this.#sessionEnded();
    });
  }

  /** A tunnel is born; the place that was taken for it is given back when nothing of it is left at its target. */
  open({ transport, request, peer, sockets, authenticated, ended }: OpenedTransport): void {
    const { config, counters, ids, tunnelQuota, log } = this.#options;
    const { identity, setup, keepAlive, close, stall } = config().timeouts;
    const { connectionId, correlationId, userId, clientGeneration, clientBuild } = request;
    const about = { connection: connectionId, correlation: correlationId, peer, transport: transport.kind };
    const tunnelLog = log.with(about);
    tunnelLog.debug('transport opened', { userId, clientGeneration, clientBuild });
    const question = { scheme: 'PAA', peer, connectionId, correlationId, clientName: undefined } as const;
    const authenticate = async (token: string, left: AbortSignal): Promise<Verdict> => {
      const verdict = await this.#options.accessDecisions().authenticate({ ...question, token, now: Date.now() }, left);
      if (!('identity' in verdict)) counters.refused('user');
      return verdict;
    };
    const tunnel = new Tunnel(transport, {
      authenticate,
      openTarget: this.#openTarget,
      log: tunnelLog,
      timeouts: {
        identity: identity * 1000,
        setup: setup * 1000,
        keepAlive: keepAlive * 1000,
        close: close * 1000,
        stall: stall * 1000,
      },
      tunnelId: ids.next(),
      nextChannelId: () => ids.next(),
      authenticated,
      ended: (cause) => {
        this.#all.delete(tunnel);
        counters.ended(cause, tunnel.traffic);
        ended();
        this.#sessionEnded();
      },
      released: () => tunnelQuota.release(),
    });
    for (const socket of sockets) {
      if (socket.closed) continue;
      this.#carriers.add(socket);
      socket.once('close', () => this.#carriers.delete(socket));
    }
    this.#all.add(tunnel);
    counters.opened();
    tunnel.start();
  }

  /** Waits for the sessions to end, at most `ms`, then closes what is left with 0x4D4 and waits for its clients to have read that. */
  async settle(ms: number): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty.add(resolve);
    });
    if (this.#sessions > 0) await within(ms, empty);
    for (const tunnel of this.#all) tunnel.close(RESULT.ERROR_CONNECTION_ABORTED);
    // A client may take its time to confirm the end, and then to read what is left. Nothing here waits for longer.
    const close = this.#options.config().timeouts.close * 1000;
    if (this.#sessions > 0) await within(close + SLACK_MS, empty);
    const gone = [...this.#carriers].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await within(close + SLACK_MS, Promise.all(gone));
  }

  /** Nobody is looked after any more. */
  stop(): void {
    clearInterval(this.#stallTimer);
  }

  /** Asked anew each time: a rule that is gone opens no further channel, whoever came by it. */
  readonly #openTarget: TargetOpener = async (...question) => {
    const opened = await this.#options.accessDecisions().openTarget(...question);
    if (!('relay' in opened)) this.#options.counters.refused('target');
    return opened;
  };

  /** Those of this process, and clients of those in others. */
  get #sessions(): number {
    return this.#all.size + this.#forwarded.size;
  }

  #sessionEnded(): void {
    if (this.#sessions === 0) for (const empty of this.#onEmpty) empty();
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
