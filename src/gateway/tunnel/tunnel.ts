/** Drives one gateway session: carries its effects out on the transport, the target and the clock, and logs what was decided. */

import type { Identity } from '../../policy/types.js';
import {
  type Answer,
  type Effect,
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
import { OVER, type TargetOpener } from '../target/dial.js';
import type { Transport, TransportEnd } from '../transport/transport.js';
import { Downlink } from './downlink.js';
import { Uplink } from './uplink.js';

export interface TunnelServices {
  /** Who is this? Never rejects. */
  readonly authenticate: (token: string, ended: AbortSignal) => Promise<Verdict>;
  readonly openTarget: TargetOpener;
  readonly log: Log;
  /** `stall`: how long a side may take nothing of what waits for it, in milliseconds. */
  readonly timeouts: SessionTimeouts & { readonly stall: number };
  readonly tunnelId: number;
  readonly nextChannelId: () => number;
  /** Called once, when the identity is proven. */
  readonly authenticated: () => void;
  /** Called once, when nothing of the tunnel is left but lingering sockets. */
  readonly ended: (cause: string) => void;
  /** Called once behind that, when the connection to its target is gone too. */
  readonly released: () => void;
}

export type Verdict =
  | { readonly identity: Identity }
  | { readonly reason: string; readonly code: 'missing' | 'refused' };

/** The clock of sessions: it never goes back. */
const clock = (): number => performance.now();

export class Tunnel {
  readonly #transport: Transport;
  readonly #downlink: Downlink;
  readonly #services: TunnelServices;
  readonly #session: GatewaySession;
  readonly #started = clock();
  readonly #abort = new AbortController();
  #log: Log;
  #identity: Identity | undefined;
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

  /** Ends the session from outside: an open channel is closed with `code` and its client gets time to answer. */
  close(code: number): void {
    this.#run(() => this.#session.close(code, 'closed by the gateway', clock()));
  }

  /** Looks whether a side has stalled: it is cut. Bytes that it did not take for so long it will not take while we linger. */
  checkStalled(): void {
    const now = clock();
    if (this.#clientStall.stalled(this.#downlink, now)) return this.#finish('client stalled', undefined, undefined, 0);
    if (this.#uplink.hasStalled(now)) this.#targetGone('stall');
  }

  /** INVARIANT: every step of the session goes through here, so that a bug of ours ends one session and never the process. */
  #run(step: () => readonly Effect[]): void {
    try {
      for (const effect of step()) this.#carryOut(effect);
      this.#balance();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#log.error('session failed', { reason: error instanceof Error ? error.message : String(error) });
    this.#finish('internal error');
  }

  #carryOut(effect: Effect): void {
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
        // Where nothing is up the target was faster, and that was told.
        if (this.#uplink.isUp) this.#log.info('channel closed', { target: this.#target, cause: 'client closed' });
        return this.#uplink.drop();
      case 'timer':
        return this.#setTimer(effect.at);
      case 'end':
        return this.#finish(effect.cause, effect.detail, effect.code);
    }
  }

  /** INVARIANT: the client is read only while the session takes bytes, the target keeps up and answers are taken; memory stays flat. */
  #balance(): void {
    if (this.#ended) return;
    if (this.#session.paused || this.#uplink.full || this.#downlink.flooded) this.#transport.pause();
    else this.#transport.resume();
    if (this.#downlink.full) this.#uplink.pause();
  }

  async #authenticate(token: string): Promise<void> {
    const verdict = await this.#services.authenticate(token, this.#abort.signal);
    if (this.#ended) return;
    if ('identity' in verdict) {
      const { identity } = verdict;
      this.#identity = identity;
      this.#log = this.#log.with({ user: identity.user });
      this.#services.authenticated();
      this.#transport.trust();
      this.#log.info('user accepted', { method: identity.method, targets: identity.targets });
    } else {
      this.#log.warn('user refused', { reason: verdict.reason });
    }
    this.#run(() => this.#session.answer(answerOf(verdict), clock()));
  }

  async #connect(names: readonly string[], port: number): Promise<void> {
    const identity = this.#identity;
    // INVARIANT: the session asks for a target only after it was given an identity.
    if (!identity) return this.close(RESULT.E_PROXY_INTERNALERROR);
    const client = this.#session.clientName;
    this.#log = this.#log.with({ client });
    await this.#uplink.clear();
    if (this.#ended) return;
    const opened = await this.#services.openTarget(
      { ...identity, clientName: client },
      names,
      port,
      this.#abort.signal,
    );
    if (this.#ended) {
      if ('relay' in opened) opened.relay.end(this.#services.timeouts.close);
      return;
    }
    this.#target = opened.target;
    if (!('relay' in opened)) {
      this.#log.warn('target refused', {
        target: opened.target,
        reason: opened.reason,
        code: resultLabel(opened.code),
      });
      return this.#run(() => this.#session.failed(opened.code));
    }
    this.#log.info('channel opened', { target: opened.target, address: opened.address });
    this.#uplink.take(opened.relay);
    this.#run(() => this.#session.connected(clock()));
    // What the client sent along may have closed the channel, or the session, already.
    if (this.#uplink.isUp) this.#openUplink();
  }

  #openUplink(): void {
    this.#uplink.open({
      bytes: (bytes) => this.#carry(bytes),
      drain: () => this.#balance(),
      end: (how, detail) => this.#targetGone(how, detail),
    });
    // Node reads once from a socket that is resumed and paused at once: a client that is behind would get that as well.
    if (!this.#downlink.full) this.#uplink.resume();
  }

  #targetGone(how: TargetEnd, detail?: string): void {
    this.#log.info('channel closed', { target: this.#target, cause: TARGET_CAUSE[how], detail });
    this.#uplink.drop(how === 'stall' ? 0 : undefined);
    this.#run(() => this.#session.targetEnded(how, clock()));
  }

  /** INVARIANT: nothing of the session is asked for DATA but whether its channel is open: this is the hot path to the client. */
  #carry(bytes: Buffer): void {
    // The target may go on behind our CLOSE_CHANNEL; nobody gets that.
    if (!this.#session.open) return;
    try {
      this.#sent += bytes.length;
      this.#downlink.carry(bytes);
      if (this.#downlink.full) this.#uplink.pause();
    } catch (error) {
      this.#fail(error);
    }
  }

  #setTimer(at: number | undefined): void {
    clearTimeout(this.#timer);
    if (at === undefined) return;
    // A timer may fire a little early; the session would then find nothing due and ask again.
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
    this.#abort.abort(OVER);
    this.#uplink.drop();
    this.#transport.end(lingerMs);
    const why = this.#session.closing ?? cause;
    this.#log.info('session ended', {
      cause: why,
      detail,
      code: code === undefined ? undefined : resultLabel(code),
      target: this.#target,
      received: this.#received,
      sent: this.#sent,
      seconds: Math.round(clock() - this.#started) / 1000,
    });
    this.#services.ended(why);
    this.#uplink.onceGone(this.#services.released);
  }
}

/** Longer waits overflow a timer and would fire at once; the session just asks again. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function answerOf(verdict: Verdict): Answer {
  if (!('identity' in verdict)) {
    const missing = verdict.code === 'missing';
    return {
      allow: false,
      code: missing ? RESULT.E_PROXY_COOKIE_BADPACKET : RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    };
  }
  const { until } = verdict.identity;
  return { allow: true, ...(until === undefined ? {} : { until: clock() + Math.max(0, until - Date.now()) }) };
}
