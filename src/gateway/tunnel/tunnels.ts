/** The tunnels of this process: opens them, counts them, checks them for stalls and waits for their end. */
import type { Socket } from 'node:net';
import { RESULT } from '../../protocol/index.js';
import type { Milestone } from '../admission/milestones.js';
import type { TunnelQuota } from '../admission/tunnel-quota.js';
import type { UserQuota } from '../admission/user-quota.js';
import { clientFields } from '../http/client.js';
import type { Counters, Traffic } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { AccessDecisions } from '../settings/access-decisions.js';
import type { RuntimeSettings } from '../settings/runtime-settings.js';
import { ABORT_REASON } from '../target/dial.js';
import type { OpenedTransport } from '../transport/opened-transport.js';
import type { Ids } from './ids.js';
import { RefusalLog } from './refusal-log.js';
import { revokeLost } from './revocation.js';
import { Tunnel, type TunnelServices } from './tunnel.js';
import { UserSlot } from './user-slot.js';
import type { Verdict } from './verdict.js';

export interface TunnelsOptions {
  /** The current settings, like the access decisions: a reload changes both. */
  readonly config: () => RuntimeSettings['config'];
  readonly accessDecisions: () => AccessDecisions;
  readonly counters: Counters;
  readonly ids: Ids;
  /** The quota in which the caller took a slot for each tunnel. */
  readonly tunnelQuota: TunnelQuota;
  readonly userQuota: UserQuota;
  /** Called when a connection has reached a milestone. */
  readonly progressed: (socket: Socket, milestone: Milestone) => void;
  readonly log: Log;
}

/** Added to the time that clients have to answer, for the gateway's own work on a busy machine. */
const SLACK_MS = 2_000;
/** Interval of the stall checks. A check compares two numbers, and ten thousand checks take a millisecond. */
const STALL_CHECK_MS = 1_000;

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #tunnels = new Set<Tunnel>();
  readonly #refusals = new RefusalLog(() => performance.now());
  /** Clients whose sessions are in another process; `settle` waits for them as for the tunnels of this process. */
  readonly #forwarded = new Set<Socket>();
  /** Connections that carry or carried a tunnel, until they are closed. */
  readonly #sockets = new Set<Socket>();
  /** Called when the last session has ended. */
  readonly #onEmpty = new Set<() => void>();
  readonly #stallTimer: NodeJS.Timeout;
  /** Aborts the running `revokeLost`. */
  #revocation = new AbortController();

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#stallTimer = setInterval(() => {
      for (const tunnel of this.#tunnels) tunnel.checkStalled();
    }, STALL_CHECK_MS);
  }

  get size(): number {
    return this.#tunnels.size;
  }

  /** The traffic of the tunnels that are open. */
  get traffic(): readonly Traffic[] {
    return [...this.#tunnels].map(({ traffic }) => traffic);
  }

  /** Adds a client whose session is in another process. */
  addForwarded(client: Socket): void {
    if (client.closed) return;
    this.#forwarded.add(client);
    client.once('close', () => {
      this.#forwarded.delete(client);
      this.#sessionEnded();
    });
  }

  /** Opens a tunnel. The slot that the caller took for it is released when the connection to the target is closed. */
  open({ transport, request, client, sockets, authenticated, ended }: OpenedTransport): void {
    const { config, counters, ids, tunnelQuota, userQuota, log } = this.#options;
    const { identity, setup, keepAlive, close, stall } = config().timeouts;
    const { connectionId, correlationId, userId, clientGeneration, clientBuild } = request;
    const tunnelLog = log.with({
      connection: connectionId,
      correlation: correlationId,
      ...clientFields(client),
      transport: transport.kind,
    });
    tunnelLog.event('session.opened', { userId, clientGeneration, clientBuild });
    const { address: peer } = client;
    const authentication = { scheme: 'PAA', peer, connectionId, correlationId, clientName: undefined } as const;
    const progressed = (milestone: Milestone): void => {
      for (const socket of sockets) this.#options.progressed(socket, milestone);
    };
    const userSlot = new UserSlot(userQuota);
    const authenticate = async (token: string, sessionEnd: AbortSignal): Promise<Verdict> => {
      progressed('token');
      const verdict = await this.#options
        .accessDecisions()
        .authenticate({ ...authentication, token, now: Date.now() }, sessionEnd);
      if (!verdict.allow) {
        counters.refused('user');
        return verdict;
      }
      const reason = await userSlot.take(verdict, sessionEnd);
      if (reason === undefined) return verdict;
      counters.refused('busy');
      return { code: 'full', reason, user: verdict.identity.user };
    };
    const tunnel = new Tunnel(transport, {
      authenticate,
      openChannel: this.#openChannel,
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
      refused: (log, refused) => this.#refusals.write(log, peer, refused),
      ended: (cause) => {
        this.#tunnels.delete(tunnel);
        counters.ended(cause, tunnel.traffic);
        ended();
        this.#sessionEnded();
      },
      released: () => {
        userSlot.release();
        tunnelQuota.release();
      },
    });
    progressed('transport');
    for (const socket of sockets) {
      if (socket.closed) continue;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    this.#tunnels.add(tunnel);
    counters.opened();
    tunnel.start();
  }

  /**
   * Waits at most `ms` for the sessions to end, closes the remaining ones with 0x4D4 and waits until their clients have
   * received that.
   */
  async settle(ms: number): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty.add(resolve);
    });
    if (this.#sessions > 0) await within(ms, empty);
    for (const tunnel of this.#tunnels) tunnel.close(RESULT.ERROR_CONNECTION_ABORTED);
    // `timeouts.close` is the time for a client to confirm the end, and again the time to read the remaining bytes.
    const close = this.#options.config().timeouts.close * 1000;
    if (this.#sessions > 0) await within(close + SLACK_MS, empty);
    const closed = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await within(close + SLACK_MS, Promise.all(closed));
  }

  /** Stops the stall checks, and a revocation that is not complete. */
  stop(): void {
    clearInterval(this.#stallTimer);
    this.#revocation.abort(ABORT_REASON);
  }

  /**
   * The access decisions have been replaced. With `end`, ends the sessions that have lost their right; else their open
   * channels stay. Replaces a revocation that is not complete: its answers are those of former decisions.
   */
  decisionsReplaced(whenRevoked: 'keep' | 'end'): void {
    this.#revocation.abort(ABORT_REASON);
    this.#revocation = new AbortController();
    if (whenRevoked === 'keep') return;
    const { signal } = this.#revocation;
    const decisions = this.#options.accessDecisions();
    void revokeLost(this.#tunnels, (right) => decisions.lossOf(right, Date.now(), signal), signal);
  }

  /**
   * Asks the present decisions for every channel. INVARIANT: a right that was lost opens no channel, also when it is lost
   * while the target is dialled.
   */
  readonly #openChannel: TunnelServices['openChannel'] = async (grant, names, port, sessionEnd) => {
    const { accessDecisions, counters } = this.#options;
    let decisions = accessDecisions();
    let opened = await decisions.openChannel(grant, names, port, Date.now(), sessionEnd);
    while ('relay' in opened && decisions !== accessDecisions()) {
      decisions = accessDecisions();
      const { target, address, identity, relay } = opened;
      const loss = await decisions.lossOf({ grant, channel: { target, address } }, Date.now(), sessionEnd);
      if (loss === undefined) continue;
      relay.end(0);
      opened = { ...loss, target, identity };
    }
    if (!('relay' in opened)) counters.refused('target');
    return opened;
  };

  /** The sessions of this process and the forwarded clients of sessions in others. */
  get #sessions(): number {
    return this.#tunnels.size + this.#forwarded.size;
  }

  #sessionEnded(): void {
    if (this.#sessions === 0) for (const empty of this.#onEmpty) empty();
  }
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, timeout]);
  clearTimeout(timer);
}
