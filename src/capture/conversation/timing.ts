/** What time tells about a conversation: answers that are late or never come, keep-alives that are echoed. */
import { type FlowState, PKT_TYPE, packetName } from '../../protocol/index.js';
import { type Note, note } from '../notes.js';
import type { Direction } from './conversation.js';

/** Clients wait 30 s for a request to be taken and up to 90 s for an answer (MS-TSGU 4.2.1). */
const SLOW_NS = 30_000_000_000n;
/** A keep-alive that comes so soon after the other side's is an echo: timers of both sides count minutes. */
const ECHO_NS = 500_000_000n;
/** Echoes in a row: two sides that answer each other go on until the connection ends. */
const STORM = 5;

const ANSWERS: Readonly<Partial<Record<number, number>>> = {
  [PKT_TYPE.HANDSHAKE_REQUEST]: PKT_TYPE.HANDSHAKE_RESPONSE,
  [PKT_TYPE.TUNNEL_CREATE]: PKT_TYPE.TUNNEL_RESPONSE,
  [PKT_TYPE.TUNNEL_AUTH]: PKT_TYPE.TUNNEL_AUTH_RESPONSE,
  [PKT_TYPE.CHANNEL_CREATE]: PKT_TYPE.CHANNEL_RESPONSE,
};

export class Watch {
  #asked: { readonly type: number; readonly answer: number; readonly at: bigint } | undefined;
  #keepAlive: { readonly direction: Direction; readonly at: bigint } | undefined;
  #echoes = 0;
  #sawChannel = false;

  *see(direction: Direction, type: number, time: bigint): Generator<Note> {
    const answer = ANSWERS[type];
    if (answer !== undefined) this.#asked = { type, answer, at: time };
    else if (this.#asked?.answer === type) {
      const waited = time - this.#asked.at;
      if (waited > SLOW_NS) yield note('SLOW_ANSWER', `after ${waited / 1_000_000_000n} s`);
      this.#asked = undefined;
    }
    if (type === PKT_TYPE.DATA) this.#sawChannel = true;
    if (type === PKT_TYPE.KEEPALIVE) yield* this.#seeKeepAlive(direction, time);
    else this.#echoes = 0;
  }

  /** Remarks about what is missing at the end. */
  *end(state: FlowState): Generator<{ readonly direction: Direction; readonly remark: Note }> {
    const asked = this.#asked;
    if (asked) yield { direction: 'server-to-client', remark: note('NO_ANSWER', packetName(asked.type)) };
    else if (!this.#sawChannel && state !== 'refused' && state !== 'channel' && state !== 'start') {
      yield { direction: 'client-to-server', remark: note('NO_CHANNEL', `the last state was "${state}"`) };
    }
  }

  *#seeKeepAlive(direction: Direction, time: bigint): Generator<Note> {
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
