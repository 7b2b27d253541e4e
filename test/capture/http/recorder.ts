/**
 * Records the events of stations as plain values. Adjacent bytes are joined, so that the result does not depend on
 * splits.
 */
import type { Conversation, ConversationsSink } from '../../../src/capture/conversation/conversation.js';
import type { HttpSink } from '../../../src/capture/http/events.js';
import type { ByteSink, Place, Sender } from '../../../src/capture/types.js';

export type RecordedEvent = readonly [what: string, ...details: unknown[]];

export const PLACE: Place = { frame: 1, time: 0n };

export class Recorder {
  readonly events: RecordedEvent[] = [];

  add(what: string, ...details: unknown[]): void {
    this.events.push([what, ...details]);
  }

  /** Appends to the last event when it has bytes of the same source, otherwise adds an event. */
  bytes(what: string, source: unknown, bytes: Buffer): void {
    const last = this.events.at(-1);
    const text = bytes.toString('hex');
    if (last?.[0] === what && last[1] === source)
      this.events[this.events.length - 1] = [what, source, `${last[2]}${text}`];
    else this.add(what, source, text);
  }

  /** All events of one kind. */
  of(what: string): RecordedEvent[] {
    return this.events.filter(([kind]) => kind === what);
  }

  /** All bytes of one source. */
  all(what: string, source: unknown): Buffer {
    const parts = this.of(what).filter((event) => event[1] === source);
    return Buffer.from(parts.map((event) => event[2]).join(''), 'hex');
  }

  codes(): string[] {
    return this.of('note').map((event) => event[1] as string);
  }
}

export function httpRecorder(): Recorder & { readonly sink: HttpSink } {
  const recorder = new Recorder();
  const sink: HttpSink = {
    request: ({ head, rdg }) => recorder.add('request', head, rdg),
    response: ({ head, answers }) => recorder.add('response', head.status, answers?.rdg.kind),
    auth: ({ from, header, summary }) => recorder.add('auth', from, header, summary),
    upgrade: ({ transport, channel, assumed }) => recorder.add('upgrade', transport, channel, assumed),
    frame: ({ place: _, ...event }) => recorder.add('frame', { ...event, payload: event.payload.toString('hex') }),
    tunnel: (from, bytes) => recorder.bytes('tunnel', from, bytes),
    gap: (from, length, _place, cause) => recorder.add('gap', from, length, cause),
    bodyEnd: (from) => recorder.add('bodyEnd', from),
    end: (from, how) => recorder.add('end', from, how),
    note: ({ code, detail }) => recorder.add('note', code, detail),
  };
  return Object.assign(recorder, { sink });
}

export interface RecordedConversation extends Recorder {
  readonly conversation: Conversation;
}

export function conversationsRecorder(): ConversationsSink & {
  readonly recorded: RecordedConversation[];
  readonly notes: string[];
} {
  const recorded: RecordedConversation[] = [];
  const notes: string[] = [];
  return {
    recorded,
    notes,
    note: ({ code }) => notes.push(code),
    conversation: (conversation) => {
      const recorder = Object.assign(new Recorder(), { conversation });
      recorded.push(recorder);
      return {
        request: (connection, { head }) => recorder.add('request', connection, head.method),
        response: (connection, { head }) => recorder.add('response', connection, head.status),
        auth: (connection, { summary }) => recorder.add('auth', connection, summary.scheme),
        upgrade: (connection, { transport, channel }) => recorder.add('upgrade', connection, transport, channel),
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

/** Plays steps in pieces whose sizes cycle through `cuts`; without `cuts` each step is one piece. */
export function play(sink: ByteSink, steps: readonly Step[], cuts: readonly number[] = []): void {
  let turn = 0;
  for (const [from, what] of steps) {
    if (!Buffer.isBuffer(what)) {
      sink.gap(from, what.gap, PLACE);
      continue;
    }
    for (let at = 0; at < what.length; ) {
      const length = cuts.length === 0 ? what.length : Math.max(1, cuts[turn++ % cuts.length] as number);
      // The copy is overwritten afterwards, so that a view that is kept beyond the call is detected.
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
