/**
 * Drives one gateway session: performs its effects on the transport, the target and the timer, and logs its decisions.
 */

import type { Grant } from '../../policy/grant.js';
import {
  type Effect,
  type EndCause,
  GatewaySession,
  RESULT,
  resultLabel,
  type SessionTimeouts,
  TARGET_CAUSE,
  type TargetEnd,
} from '../../protocol/index.js';
import { StallDetector } from '../io/stall.js';
import type { Traffic } from '../report/counters.js';
import type { Log } from '../report/log.js';
import type { OpenedChannel, Right } from '../settings/access-decisions.js';
import { ABORT_REASON } from '../target/dial.js';
import type { Transport, TransportEnd } from '../transport/transport.js';
import { Downlink } from './downlink.js';
import type { Refused } from './refusal-log.js';
import type { Revocable } from './revocation.js';
import { Uplink } from './uplink.js';
import { answerOf, type Verdict } from './verdict.js';

export interface TunnelServices {
  /** Authenticates the client by its token. Never rejects. */
  readonly authenticate: (token: string, sessionEnd: AbortSignal) => Promise<Verdict>;
  /** Opens a target for the next channel. Never rejects. */
  readonly openChannel: (
    grant: Grant,
    names: readonly string[],
    port: number,
    sessionEnd: AbortSignal,
  ) => Promise<OpenedChannel>;
  readonly log: Log;
  /** In milliseconds. `stall`: how long client or target may take nothing while bytes wait for it. */
  readonly timeouts: SessionTimeouts & { readonly stall: number };
  readonly tunnelId: number;
  readonly nextChannelId: () => number;
  /** Called once, when the client is authenticated. */
  readonly authenticated: () => void;
  /** Called when the session ends with a refusal, to log it unless the decision that refused is logged already. */
  readonly refused: (log: Log, refused: Refused) => void;
  /** Called once, when the session has ended; sockets may still linger. */
  readonly ended: (cause: string) => void;
  /** Called once after `ended`, when the connection to the target is closed too. */
  readonly released: () => void;
}

/** The monotonic clock of all sessions, in milliseconds. */
const clock = (): number => performance.now();

export class Tunnel implements Revocable {
  readonly #transport: Transport;
  readonly #downlink: Downlink;
  readonly #services: TunnelServices;
  readonly #session: GatewaySession;
  readonly #started = clock();
  readonly #abort = new AbortController();
  #log: Log;
  #right: Right | undefined;
  readonly #uplink: Uplink;
  readonly #clientStall: StallDetector;
  #timer: NodeJS.Timeout | undefined;
  #target: string | undefined;
  #received = 0;
  #sent = 0;
  #ended = false;

  constructor(transport: Transport, services: TunnelServices) {
    this.#transport = transport;
    this.#downlink = new Downlink(transport, () => {
      this.#uplink.resume();
      this.#balance();
    });
    this.#services = services;
    this.#log = services.log;
    const { timeouts, tunnelId, nextChannelId } = services;
    this.#uplink = new Uplink(timeouts);
    this.#clientStall = new StallDetector(timeouts.stall);
    this.#session = new GatewaySession({ timeouts, tunnelId, nextChannelId, now: this.#started });
  }

  start(): void {
    this.#run(() => this.#session.start());
    this.#transport.open({
      bytes: (bytes) => this.#run(() => this.#session.receive(bytes, clock())),
      end: (how, detail) => this.#finish(how, detail),
    });
  }

  get traffic(): Traffic {
    return { received: this.#received, sent: this.#sent };
  }

  /** Ends the session: an open channel is closed with `code`, and the client gets time to answer. */
  close(code: number, cause: EndCause = 'closed by the gateway'): void {
    this.#run(() => this.#session.close(code, cause, clock()));
  }

  get right(): Right | undefined {
    const { paused, closing } = this.#session;
    return this.#ended || paused || closing !== undefined ? undefined : this.#right;
  }

  revoke(reason: string): void {
    this.#log.event('session.revoked', { reason, ...this.#right?.channel });
    this.close(RESULT.ERROR_CONNECTION_ABORTED, 'access revoked');
  }

  /**
   * Cuts a client or target that has stalled. It does not linger: the peer would not take the remaining bytes either.
   */
  checkStalled(): void {
    const now = clock();
    if (this.#clientStall.stalled(this.#downlink, now)) return this.#finish('client stalled', undefined, undefined, 0);
    if (this.#uplink.hasStalled(now)) this.#targetEnded('stall');
  }

  /** INVARIANT: every step of the session runs through here, so that a bug ends one session and never the process. */
  #run(step: () => readonly Effect[]): void {
    try {
      for (const effect of step()) this.#perform(effect);
      this.#balance();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#log.event('session.failed', { reason: error instanceof Error ? error.message : String(error) });
    this.#finish('internal error');
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'send':
        return this.#downlink.send(effect.pdu);
      case 'deliver':
        this.#received += effect.bytes.length;
        return this.#uplink.write(effect.bytes);
      case 'authenticate':
        this.#authenticate(effect.token).catch((error) => this.#fail(error));
        return;
      case 'connect':
        this.#connect(effect.names, effect.port).catch((error) => this.#fail(error));
        return;
      case 'disconnect':
        // Without a connection the target has ended it first, which is logged already.
        if (this.#uplink.isUp) this.#log.event('channel.closed', { target: this.#target, cause: 'client closed' });
        if (this.#right) this.#right = { ...this.#right, channel: undefined };
        return this.#uplink.drop();
      case 'timer':
        return this.#setTimer(effect.at);
      case 'end':
        if (effect.cause === 'refused') this.#services.refused(this.#log, effect);
        return this.#finish(effect.cause, effect.detail, effect.code);
    }
  }

  /**
   * INVARIANT: the client is read only while session, target and the client itself take bytes. This limits the memory
   * of a tunnel.
   */
  #balance(): void {
    if (this.#ended) return;
    if (this.#session.paused || this.#uplink.full || this.#downlink.overfull) this.#transport.pause();
    else this.#transport.resume();
    if (this.#downlink.full) this.#uplink.pause();
  }

  async #authenticate(token: string): Promise<void> {
    const verdict = await this.#services.authenticate(token, this.#abort.signal);
    if (this.#ended) return;
    if ('identity' in verdict) {
      const { identity, credential } = verdict;
      this.#right = { grant: { identity, credential }, channel: undefined };
      this.#log = this.#log.with({ user: identity.user });
      this.#services.authenticated();
      this.#transport.trust();
      this.#log.event('authentication.succeeded', { method: identity.method, targets: identity.targets });
    } else if (verdict.code === 'full') {
      this.#log.event('session.refused', { user: verdict.user, reason: verdict.reason });
    } else {
      this.#log.event('authentication.failed', { reason: verdict.reason });
    }
    this.#run(() => this.#session.answer(answerOf(verdict, clock), clock()));
  }

  async #connect(names: readonly string[], port: number): Promise<void> {
    const right = this.#right;
    // INVARIANT: the session requests a target only after it got an identity.
    if (!right) return this.close(RESULT.E_PROXY_INTERNALERROR);
    const client = this.#session.clientName;
    this.#log = this.#log.with({ client });
    await this.#uplink.clear();
    if (this.#ended) return;
    const { identity, credential } = right.grant;
    const grant = { identity: { ...identity, clientName: client }, credential };
    const opened = await this.#services.openChannel(grant, names, port, this.#abort.signal);
    this.#log = this.#log.with({ user: opened.identity.user });
    if (this.#ended) {
      if ('relay' in opened) opened.relay.end(this.#services.timeouts.close);
      return;
    }
    this.#target = opened.target;
    if (!('relay' in opened)) {
      this.#log.event('channel.refused', {
        target: opened.target,
        reason: opened.reason,
        code: resultLabel(opened.code),
      });
      return this.#run(() => this.#session.failed(opened.code));
    }
    const { target, address } = opened;
    this.#log.event('channel.opened', { target, address });
    this.#right = { grant: { identity: opened.identity, credential }, channel: { target, address } };
    this.#uplink.take(opened.relay);
    this.#run(() => this.#session.connected(clock()));
    // Bytes that the client sent meanwhile may have closed the channel or the session already.
    if (this.#uplink.isUp) this.#openUplink();
  }

  #openUplink(): void {
    this.#uplink.open({
      bytes: (bytes) => this.#sendData(bytes),
      drain: () => this.#balance(),
      end: (how, detail) => this.#targetEnded(how, detail),
    });
    // Node reads once from a socket that is resumed and then paused, which would add to the bytes that a slow client
    // has not taken.
    if (!this.#downlink.full) this.#uplink.resume();
  }

  #targetEnded(how: TargetEnd, detail?: string): void {
    this.#log.event('channel.closed', { target: this.#target, cause: TARGET_CAUSE[how], detail });
    this.#uplink.drop(how === 'stall' ? 0 : undefined);
    this.#run(() => this.#session.targetEnded(how, clock()));
  }

  /** INVARIANT: DATA only checks whether the channel of the session is open: this is the hot path to the client. */
  #sendData(bytes: Buffer): void {
    // Bytes that the target sends after CLOSE_CHANNEL are discarded.
    if (!this.#session.open) return;
    try {
      this.#sent += bytes.length;
      this.#downlink.sendData(bytes);
      if (this.#downlink.full) this.#uplink.pause();
    } catch (error) {
      this.#fail(error);
    }
  }

  #setTimer(at: number | undefined): void {
    clearTimeout(this.#timer);
    if (at === undefined) return;
    // Rounded up: a timer that fires early would find nothing due, and the session would set it again.
    this.#timer = setTimeout(
      () => this.#run(() => this.#session.tick(clock())),
      Math.min(Math.ceil(at - clock()), MAX_TIMER_MS),
    );
  }

  #finish(
    cause: TransportEnd | string,
    detail?: string,
    code?: number,
    lingerMs = this.#services.timeouts.close,
  ): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#abort.abort(ABORT_REASON);
    this.#uplink.drop();
    this.#transport.end(lingerMs);
    const why = this.#session.closing ?? cause;
    this.#log.event('session.ended', {
      cause: why,
      detail,
      code: code === undefined ? undefined : resultLabel(code),
      target: this.#target,
      received: this.#received,
      sent: this.#sent,
      seconds: Math.round(clock() - this.#started) / 1000,
    });
    this.#services.ended(why);
    this.#uplink.onceClosed(this.#services.released);
  }
}

/** A longer timeout would overflow and fire at once. After this one the session sets the timer again. */
const MAX_TIMER_MS = 2 ** 31 - 1;
