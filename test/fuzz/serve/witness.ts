/** Knows what a session may do, from what was done to it and from nothing that the session says of itself. */
import {
  decode,
  type Effect,
  type GatewaySession,
  type Packet,
  PKT_TYPE,
  resultOf,
} from '../../../src/protocol/index.js';
import type { Step } from './script.js';

/** Nobody takes a code without its top bit for a failure. */
const FAILURE = 0x8000_0000;

export class Witness {
  #asked: 'identity' | 'target' | undefined;
  #allowed = false;
  /** The channel is open. */
  #open = false;
  /** The driver holds a connection to a target. */
  #target = false;
  /** A refusal went out: the end has to follow. */
  #refused = false;
  #ended = false;
  #wakeAt: number | undefined;

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  /** Throws at what must not be. `what` was done last, and the session answered with these effects. */
  watch(what: Step['what'] | 'start', effects: readonly Effect[], session: GatewaySession, now: number): void {
    const answered = this.#answered(what);
    // A timer goes off once.
    if (what === 'tick') this.#wakeAt = undefined;
    for (const effect of effects) {
      must(!this.#ended, `${effect.do} behind the end`);
      must(!this.#refused || effect.do === 'end' || effect.do === 'timer', `${effect.do} behind a refusal`);
      this.#take(effect, what, answered);
    }
    must(!this.#refused || this.#ended, 'a refused session goes on');
    if (answered && (what === 'deny' || what === 'failed')) must(this.#ended, `the session goes on after "${what}"`);
    if (this.#ended) must(this.#wakeAt === undefined, 'a timer runs on behind the end');
    else must(session.paused === (this.#asked !== undefined), 'the session waits for nobody, or not for whom it asked');
    if (what === 'tick') must((this.#wakeAt ?? Infinity) > now, 'a timer that has gone off is set again for the past');
    must(
      session.ended === this.#ended && session.open === (this.#open && !this.#ended),
      'the session says something else',
    );
  }

  /** Whether this is what the session asked for; then it asks no longer. */
  #answered(what: Step['what'] | 'start'): boolean {
    const to =
      what === 'allow' || what === 'deny'
        ? 'identity'
        : what === 'connected' || what === 'failed'
          ? 'target'
          : undefined;
    if (to === undefined || this.#ended || this.#asked !== to) return false;
    this.#asked = undefined;
    return true;
  }

  #take(effect: Effect, what: Step['what'] | 'start', answered: boolean): void {
    switch (effect.do) {
      case 'send':
        return this.#sent(decode(effect.pdu), what, answered);
      case 'authenticate':
        must(!this.#allowed && this.#asked === undefined, 'an identity is asked for twice');
        this.#asked = 'identity';
        return;
      case 'connect':
        must(this.#allowed, 'a target is dialled for nobody');
        must(!this.#target && this.#asked === undefined, 'a second target is dialled');
        this.#asked = 'target';
        return;
      case 'deliver':
        must(this.#open && effect.bytes.length > 0, 'bytes are delivered outside of a channel');
        return;
      case 'disconnect':
        must(this.#target, 'a target is given up that is not there');
        this.#open = this.#target = false;
        return;
      case 'timer':
        this.#wakeAt = effect.at;
        return;
      case 'end':
        this.#ended = true;
    }
  }

  #sent(packet: Packet, what: Step['what'] | 'start', answered: boolean): void {
    const result = resultOf(packet);
    switch (packet.type) {
      case PKT_TYPE.CLOSE_CHANNEL:
        must(this.#open, 'a channel is closed that is not open');
        this.#open = false;
        return;
      case PKT_TYPE.CLOSE_CHANNEL_RESPONSE:
        return must(!this.#target && result === 0, 'a close is confirmed before the target is given up');
      case PKT_TYPE.KEEPALIVE:
        return must(this.#open && what === 'tick', 'a keep-alive nobody needs');
      case PKT_TYPE.HANDSHAKE_RESPONSE:
      case PKT_TYPE.EXTENDED_AUTH_MSG:
      case PKT_TYPE.TUNNEL_RESPONSE:
      case PKT_TYPE.TUNNEL_AUTH_RESPONSE:
      case PKT_TYPE.CHANNEL_RESPONSE:
        if (result === 0) return this.#succeeded(packet, what, answered);
        must(result >= FAILURE, 'a refusal looks like success');
        this.#refused = true;
        return;
      default:
        throw new Error(`a gateway does not send packets of type ${packet.type}`);
    }
  }

  #succeeded(packet: Packet, what: Step['what'] | 'start', answered: boolean): void {
    if (packet.type === PKT_TYPE.TUNNEL_RESPONSE) {
      must(what === 'allow' && answered && !this.#allowed, 'a tunnel for nobody');
      this.#allowed = true;
    } else if (packet.type === PKT_TYPE.CHANNEL_RESPONSE) {
      must(what === 'connected' && answered && this.#allowed && !this.#target, 'a channel to nowhere');
      this.#open = this.#target = true;
    } else if (packet.type === PKT_TYPE.TUNNEL_AUTH_RESPONSE) {
      must(this.#allowed, 'a tunnel is authorized for nobody');
    } else {
      must(packet.type === PKT_TYPE.HANDSHAKE_RESPONSE && !this.#allowed, 'only PAA is on offer');
    }
  }
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
