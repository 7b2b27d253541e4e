/** Checks of a conversation's timing: late or missing answers, echoed keep-alives. */
import { type FlowState, PKT_TYPE, packetName } from '../../protocol/index.js';
import { type Note, note } from '../notes.js';
import type { Direction } from './conversation.js';

/** Clients wait 30 s for a request to be accepted and up to 90 s for its answer (MS-TSGU 4.2.1). */
const SLOW_NS = 30_000_000_000n;
/** A keep-alive this soon after one of the other side is an echo: the timers of both sides run for minutes. */
const ECHO_NS = 500_000_000n;
/** Echoes in a row that are a storm: two sides that answer each other do not stop until the connection ends. */
const STORM = 5;

const ANSWERS: Readonly<Partial<Record<number, number>>> = {
  [PKT_TYPE.HANDSHAKE_REQUEST]: PKT_TYPE.HANDSHAKE_RESPONSE,
  [PKT_TYPE.TUNNEL_CREATE]: PKT_TYPE.TUNNEL_RESPONSE,
  [PKT_TYPE.TUNNEL_AUTH]: PKT_TYPE.TUNNEL_AUTH_RESPONSE,
  [PKT_TYPE.CHANNEL_CREATE]: PKT_TYPE.CHANNEL_RESPONSE,
};

export class TimingChecker {
  #pending: { readonly type: number; readonly answer: number; readonly at: bigint } | undefined;
  #keepAlive: { readonly direction: Direction; readonly at: bigint } | undefined;
  #echoes = 0;
  #sawChannel = false;

  /** Yields the notes about the next PDU. `time` is in nanoseconds. */
  *check(direction: Direction, type: number, time: bigint): Generator<Note> {
    const answer = ANSWERS[type];
    if (answer !== undefined) this.#pending = { type, answer, at: time };
    else if (this.#pending?.answer === type) {
      const waited = time - this.#pending.at;
      if (waited > SLOW_NS) yield note('SLOW_ANSWER', `after ${waited / 1_000_000_000n} s`);
      this.#pending = undefined;
    }
    if (type === PKT_TYPE.DATA) this.#sawChannel = true;
    if (type === PKT_TYPE.KEEPALIVE) yield* this.#checkKeepAlive(direction, time);
    else this.#echoes = 0;
  }

  /** Yields the notes about what is missing at the end of the conversation. */
  *end(state: FlowState): Generator<{ readonly direction: Direction; readonly note: Note }> {
    const pending = this.#pending;
    if (pending) yield { direction: 'server-to-client', note: note('NO_ANSWER', packetName(pending.type)) };
    else if (!this.#sawChannel && state !== 'refused' && state !== 'channel' && state !== 'start') {
      yield { direction: 'client-to-server', note: note('NO_CHANNEL', `the last state was "${state}"`) };
    }
  }

  *#checkKeepAlive(direction: Direction, time: bigint): Generator<Note> {
    const last = this.#keepAlive;
    this.#keepAlive = { direction, at: time };
    if (!last || last.direction === direction || time - last.at > ECHO_NS) {
      this.#echoes = 0;
      return;
    }
    this.#echoes += 1;
    if (this.#echoes === STORM) yield note('KEEPALIVE_STORM');
    else if (this.#echoes < STORM) yield note('KEEPALIVE_ECHO');
  }
}
