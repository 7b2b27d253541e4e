/** What stations say, as plain values that can be compared: neighbouring bytes are joined, so that splits do not show. */
import type { Conversation, ConversationsSink } from '../../../src/capture/conversation/conversation.js';
import type { HttpSink } from '../../../src/capture/http/events.js';
import type { ByteSink, Place, Sender } from '../../../src/capture/types.js';

export type Said = readonly [what: string, ...details: unknown[]];

export const PLACE: Place = { frame: 1, time: 0n };

export class Recorder {
  readonly said: Said[] = [];

  add(what: string, ...details: unknown[]): void {
    this.said.push([what, ...details]);
  }

  /** Bytes that join those before them when nothing else was said about the same way. */
  bytes(what: string, way: unknown, bytes: Buffer): void {
    const last = this.said.at(-1);
    const text = bytes.toString('hex');
    if (last?.[0] === what && last[1] === way) this.said[this.said.length - 1] = [what, way, `${last[2]}${text}`];
    else this.add(what, way, text);
  }

  /** All events of one kind. */
  of(what: string): Said[] {
    return this.said.filter(([kind]) => kind === what);
  }

  /** All bytes of one way, whatever was said between. */
  all(what: string, way: unknown): Buffer {
    const parts = this.of(what).filter((said) => said[1] === way);
    return Buffer.from(parts.map((said) => said[2]).join(''), 'hex');
  }

  codes(): string[] {
    return this.of('note').map((said) => said[1] as string);
  }
}

export function httpRecorder(): Recorder & { readonly sink: HttpSink } {
  const recorder = new Recorder();
  const sink: HttpSink = {
    request: ({ head, rdg }) => recorder.add('request', head, rdg),
    response: ({ head, answers }) => recorder.add('response', head.status, answers?.rdg.kind),
    auth: ({ from, header, summary }) => recorder.add('auth', from, header, summary),
    upgrade: ({ transport, leg, assumed }) => recorder.add('upgrade', transport, leg, assumed),
    frame: ({ place: _, ...event }) => recorder.add('frame', { ...event, payload: event.payload.toString('hex') }),
    tunnel: (from, bytes) => recorder.bytes('tunnel', from, bytes),
    gap: (from, length, _place, cause) => recorder.add('gap', from, length, cause),
    bodyEnd: (from) => recorder.add('bodyEnd', from),
    end: (from, how) => recorder.add('end', from, how),
    note: ({ code, detail }) => recorder.add('note', code, detail),
  };
  return Object.assign(recorder, { sink });
}

export interface Heard extends Recorder {
  readonly conversation: Conversation;
}

export function conversationsRecorder(): ConversationsSink & { readonly heard: Heard[]; readonly notes: string[] } {
  const heard: Heard[] = [];
  const notes: string[] = [];
  return {
    heard,
    notes,
    note: ({ code }) => notes.push(code),
    conversation: (conversation) => {
      const recorder = Object.assign(new Recorder(), { conversation });
      heard.push(recorder);
      return {
        request: (connection, { head }) => recorder.add('request', connection, head.method),
        response: (connection, { head }) => recorder.add('response', connection, head.status),
        auth: (connection, { summary }) => recorder.add('auth', connection, summary.scheme),
        upgrade: (connection, { transport, leg }) => recorder.add('upgrade', connection, transport, leg),
        frame: (connection, { name, closeCode }) => recorder.add('frame', connection, name, closeCode),
        bytes: (direction, bytes) => recorder.bytes('bytes', direction, bytes),
        gap: (direction, length) => recorder.add('gap', direction, length),
        end: (direction, how) => recorder.add('end', direction, how),
        note: (_connection, { code }) => recorder.add('note', code),
        done: () => recorder.add('done'),
      };
    },
  };
}

/** One step of a connection: bytes from one side, or a gap. */
export type Step = readonly [from: Sender, what: Buffer | { readonly gap: number | undefined }];

/** Plays steps, each cut at every `cuts` (as many bytes at a time, over and over). */
export function play(sink: ByteSink, steps: readonly Step[], cuts: readonly number[] = []): void {
  let turn = 0;
  for (const [from, what] of steps) {
    if (!Buffer.isBuffer(what)) {
      sink.gap(from, what.gap, PLACE);
      continue;
    }
    for (let at = 0; at < what.length; ) {
      const length = cuts.length === 0 ? what.length : Math.max(1, cuts[turn++ % cuts.length] as number);
      // A copy that is spoilt afterwards: a view that outlives its call shows itself.
      const view = Buffer.from(what.subarray(at, at + length));
      sink.bytes(from, view, PLACE);
      view.fill(0xee);
      at += length;
    }
  }
}

export function finish(sink: ByteSink): void {
  sink.end('client', 'fin', PLACE);
  sink.end('server', 'fin', PLACE);
}
