/**
 * A test oracle for gateway sessions: it checks their effects against the calls, independently of the session's state.
 */
import {
  decode,
  type Effect,
  type GatewaySession,
  type Packet,
  PKT_TYPE,
  resultOf,
} from '../../../src/protocol/index.js';
import type { Step } from './script.js';

/** Clients treat codes below this, whose top bit is clear, as success. */
const FAILURE = 0x8000_0000;

export class SessionOracle {
  #pendingAnswer: 'identity' | 'target' | undefined;
  #allowed = false;
  /** Whether the channel is open. */
  #open = false;
  /** Whether the driver is connected to a target. */
  #target = false;
  /** Whether a refusal was sent, after which the session has to end. */
  #refused = false;
  #ended = false;
  #timerAt: number | undefined;

  get timerAt(): number | undefined {
    return this.#timerAt;
  }

  /** Checks the effects that `action` returned. Throws if they are not allowed. */
  check(action: Step['action'] | 'start', effects: readonly Effect[], session: GatewaySession, now: number): void {
    const answered = this.#takeAnswer(action);
    // The tick was the expiry of the timer.
    if (action === 'tick') this.#timerAt = undefined;
    for (const effect of effects) {
      assert(!this.#ended, `${effect.do} after the end`);
      assert(!this.#refused || effect.do === 'end' || effect.do === 'timer', `${effect.do} after a refusal`);
      this.#checkEffect(effect, action, answered);
    }
    assert(!this.#refused || this.#ended, 'a refused session continues');
    if (answered && (action === 'deny' || action === 'failed'))
      assert(this.#ended, `the session continues after "${action}"`);
    if (this.#ended) assert(this.#timerAt === undefined, 'a timer is set after the end');
    else assert(session.paused === (this.#pendingAnswer !== undefined), 'paused differs from the pending answer');
    if (action === 'tick') assert((this.#timerAt ?? Infinity) > now, 'the timer is in the past');
    assert(
      session.ended === this.#ended && session.open === (this.#open && !this.#ended),
      'ended or open differs from the effects',
    );
  }

  /** Returns whether the action is the pending answer, and clears it. */
  #takeAnswer(action: Step['action'] | 'start'): boolean {
    const answers =
      action === 'allow' || action === 'deny'
        ? 'identity'
        : action === 'connected' || action === 'failed'
          ? 'target'
          : undefined;
    if (answers === undefined || this.#ended || this.#pendingAnswer !== answers) return false;
    this.#pendingAnswer = undefined;
    return true;
  }

  #checkEffect(effect: Effect, action: Step['action'] | 'start', answered: boolean): void {
    switch (effect.do) {
      case 'send':
        return this.#checkPdu(decode(effect.pdu), action, answered);
      case 'authenticate':
        assert(!this.#allowed && this.#pendingAnswer === undefined, 'the identity is requested twice');
        this.#pendingAnswer = 'identity';
        return;
      case 'connect':
        assert(this.#allowed, 'a target is requested without an identity');
        assert(!this.#target && this.#pendingAnswer === undefined, 'a second target is requested');
        this.#pendingAnswer = 'target';
        return;
      case 'deliver':
        assert(this.#open && effect.bytes.length > 0, 'bytes are delivered without a channel');
        return;
      case 'disconnect':
        assert(this.#target, 'disconnect without a target');
        this.#open = this.#target = false;
        return;
      case 'timer':
        this.#timerAt = effect.at;
        return;
      case 'end':
        this.#ended = true;
    }
  }

  #checkPdu(packet: Packet, action: Step['action'] | 'start', answered: boolean): void {
    const result = resultOf(packet);
    switch (packet.type) {
      case PKT_TYPE.CLOSE_CHANNEL:
        assert(this.#open, 'CLOSE_CHANNEL without a channel');
        this.#open = false;
        return;
      case PKT_TYPE.CLOSE_CHANNEL_RESPONSE:
        return assert(!this.#target && result === 0, 'CLOSE_CHANNEL_RESPONSE before disconnect');
      case PKT_TYPE.KEEPALIVE:
        return assert(this.#open && action === 'tick', 'KEEPALIVE without a channel or a tick');
      case PKT_TYPE.HANDSHAKE_RESPONSE:
      case PKT_TYPE.EXTENDED_AUTH_MSG:
      case PKT_TYPE.TUNNEL_RESPONSE:
      case PKT_TYPE.TUNNEL_AUTH_RESPONSE:
      case PKT_TYPE.CHANNEL_RESPONSE:
        if (result === 0) return this.#checkSuccess(packet, action, answered);
        assert(result >= FAILURE, 'a refusal has a success code');
        this.#refused = true;
        return;
      default:
        throw new Error(`a session does not send packets of type ${packet.type}`);
    }
  }

  #checkSuccess(packet: Packet, action: Step['action'] | 'start', answered: boolean): void {
    if (packet.type === PKT_TYPE.TUNNEL_RESPONSE) {
      assert(action === 'allow' && answered && !this.#allowed, 'a tunnel without an identity');
      this.#allowed = true;
    } else if (packet.type === PKT_TYPE.CHANNEL_RESPONSE) {
      assert(action === 'connected' && answered && this.#allowed && !this.#target, 'a channel without a target');
      this.#open = this.#target = true;
    } else if (packet.type === PKT_TYPE.TUNNEL_AUTH_RESPONSE) {
      assert(this.#allowed, 'a tunnel is authorized without an identity');
    } else {
      assert(
        packet.type === PKT_TYPE.HANDSHAKE_RESPONSE && !this.#allowed,
        'EXTENDED_AUTH_MSG or a second handshake succeeds',
      );
    }
  }
}

function assert(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
