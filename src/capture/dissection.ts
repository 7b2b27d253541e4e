/** The capture pipeline: takes packets and emits the events of gateway conversations, in the order of the capture. */

import { authIn } from './auth/tunnel-auth.js';
import type { Conversation, ConversationSink } from './conversation/conversation.js';
import { Conversations } from './conversation/conversations.js';
import { type PduEvent, TunnelStation } from './conversation/tunnel.js';
import type { AuthEvent, EndCause, HttpOptions, RequestEvent, ResponseEvent } from './http/events.js';
import { type InnerEvent, InnerReader } from './inner/index.js';
import { SegmentReader } from './ip/ip.js';
import { type Note, noteOf } from './notes.js';
import { TcpAssembler } from './tcp/index.js';
import type { TlsInfo } from './tls/info.js';
import type { KeyLog } from './tls/keylog.js';
import { TlsStation } from './tls/station.js';
import type { ByteSink, CapturedPacket, Connection, GapCause, Place } from './types.js';
import type { FrameEvent } from './websocket/websocket.js';

export type Direction = PduEvent['direction'];

/** The events of a capture. Buffers inside are views that are valid until the sink returns. */
export type DecodeEvent =
  /** The first event of every conversation. `conversation` is updated while later packets are read. */
  | { readonly type: 'connection'; readonly conversation: Conversation; readonly opened: Opened; readonly place: Place }
  | {
      readonly type: 'request';
      readonly conversation: Conversation;
      readonly tcp: number;
      readonly event: RequestEvent;
    }
  | {
      readonly type: 'response';
      readonly conversation: Conversation;
      readonly tcp: number;
      readonly event: ResponseEvent;
    }
  | {
      readonly type: 'auth';
      readonly conversation: Conversation;
      /** Undefined for authentication inside the tunnel. */
      readonly tcp: number | undefined;
      readonly event: AuthEvent;
    }
  | { readonly type: 'frame'; readonly conversation: Conversation; readonly tcp: number; readonly event: FrameEvent }
  | { readonly type: 'pdu'; readonly conversation: Conversation; readonly n: number; readonly pdu: PduEvent }
  | {
      readonly type: 'gap';
      readonly conversation: Conversation;
      readonly direction: Direction;
      /** In bytes; undefined where it is unknown. */
      readonly length: number | undefined;
      readonly cause: GapCause;
      readonly place: Place;
    }
  | {
      readonly type: 'note';
      /** Undefined for a note about the capture, or about a TCP connection that belongs to no conversation. */
      readonly conversation: Conversation | undefined;
      readonly direction: Direction | undefined;
      readonly note: Note;
      readonly place: Place;
    }
  /** About the RDP connection inside DATA; only with `DissectionOptions.inner`. */
  | { readonly type: 'inner'; readonly conversation: Conversation; readonly inner: InnerEvent }
  | {
      readonly type: 'end';
      readonly conversation: Conversation;
      /** How each direction ended. `last chunk`: its HTTP body was complete. */
      readonly how: Readonly<Partial<Record<Direction, EndCause | 'last chunk'>>>;
      readonly place: Place;
    };

/** The transport below a conversation. */
export interface Opened {
  /** The SYN of its first TCP connection; undefined where it was not captured. */
  readonly syn: Place | undefined;
  /** Undefined without TLS. */
  readonly tls: TlsInfo | undefined;
}

export type DecodeSink = (event: DecodeEvent) => void;

export interface DissectionOptions extends HttpOptions {
  /** Reads DATA up to the negotiation of RDP's security protocol. */
  readonly inner?: boolean;
}

/** Events of one conversation that are queued until its `connection` event. */
const MAX_EARLY_EVENTS = 256;
/**
 * Bytes of the HTTP heads among them: a head with a Kerberos ticket is large, and there may be thousands of
 * conversations.
 */
const MAX_EARLY_BYTES = 64 * 1024;
/** TCP connections whose start is remembered until their conversation is known. */
const MAX_CONNECTIONS = 8192;

interface ConnectionStart {
  readonly syn: Place | undefined;
  tls: TlsInfo | undefined;
}

export class Dissection {
  readonly #sink: DecodeSink;
  readonly #keys: KeyLog;
  readonly #options: DissectionOptions;
  readonly #segments = new SegmentReader();
  readonly #assembler: TcpAssembler;
  readonly #conversations: Conversations;
  readonly #starts = new Map<number, ConnectionStart>();
  #last: Place = { frame: 0, time: 0n };
  #pdus = 0;

  constructor(sink: DecodeSink, keys: KeyLog, options: DissectionOptions = {}) {
    this.#sink = sink;
    this.#options = options;
    this.#keys = keys;
    this.#assembler = new TcpAssembler((connection) => this.#connection(connection));
    this.#conversations = new Conversations(
      {
        conversation: (conversation) => this.#conversation(conversation),
        note: ({ code, detail, ...place }) => this.#note(undefined, undefined, noteOf(code, detail), place),
      },
      options,
    );
  }

  /** Totals for a summary. `evicted` TCP connections were dropped to make room for others and may have continued. */
  get counts() {
    const { count, ordinaryRequests } = this.#conversations;
    const { segments, evicted } = this.#assembler.counts;
    const { frame: packets } = this.#last;
    return { packets, segments, evicted, pdus: this.#pdus, conversations: count, ordinaryRequests };
  }

  /** Packets that held no TCP segment, by reason, and the link type of the first that has an unknown one. */
  get skipped(): Pick<SegmentReader, 'skipped' | 'unknownLink'> {
    return this.#segments;
  }

  /** The packet that was read last. */
  get place(): Place {
    return this.#last;
  }

  packet(packet: CapturedPacket): void {
    this.#last = { frame: packet.frame, time: packet.time };
    const segment = this.#segments.read(packet);
    if (typeof segment !== 'string') this.#assembler.segment(segment);
  }

  /** Ends everything that is open at the end of the capture. */
  finish(): void {
    this.#assembler.finish();
    this.#conversations.finish(this.#last);
  }

  #connection(connection: Connection): ByteSink {
    const start: ConnectionStart = { syn: connection.sawStart ? connection.start : undefined, tls: undefined };
    this.#starts.set(connection.number, start);
    if (this.#starts.size > MAX_CONNECTIONS) {
      const [oldest] = this.#starts.keys();
      if (oldest !== undefined) this.#starts.delete(oldest);
    }
    const http = this.#conversations.connection(connection);
    return new TlsStation(this.#keys, {
      bytes: (from, bytes, place) => http.bytes(from, bytes, place),
      gap: (from, length, place) => http.gap(from, length, place),
      end: (from, how, place) => http.end(from, how, place),
      tls: (info) => {
        start.tls = info;
      },
      note: ({ code, detail, ...place }) => {
        const { client, server, number } = connection;
        const where = `TCP connection ${number}, ${client.address} to ${server.address}:${server.port}`;
        this.#note(undefined, undefined, noteOf(code, detail === undefined ? where : `${detail} (${where})`), place);
      },
    });
  }

  #note(conversation: Conversation | undefined, direction: Direction | undefined, note: Note, place: Place): void {
    this.#sink({ type: 'note', conversation, direction, note, place });
  }

  #conversation(conversation: Conversation): ConversationSink {
    const how: Partial<Record<Direction, EndCause | 'last chunk'>> = {};
    let early: DecodeEvent[] | undefined = [];
    let earlyBytes = 0;
    const flush = (): void => {
      if (early === undefined) return;
      const waiting = early;
      early = undefined;
      this.#sink({ type: 'connection', conversation, opened: this.#opened(conversation), place: conversation.start });
      for (const event of waiting) this.#sink(event);
    };
    /** The transport is only known with the gateway's answer; events are queued until then. */
    const emit = (event: DecodeEvent): void => {
      if (early === undefined) return this.#sink(event);
      early.push(event);
      if (event.type === 'request' || event.type === 'response') earlyBytes += event.event.head.length;
      if (early.length >= MAX_EARLY_EVENTS || earlyBytes > MAX_EARLY_BYTES) flush();
    };
    let tunnel: TunnelStation | undefined;
    const inner = this.#options.inner ? new InnerReader() : undefined;
    const stream = (): TunnelStation => {
      flush();
      tunnel ??= new TunnelStation(
        {
          pdu: (pdu) => {
            this.#sink({ type: 'pdu', conversation, n: ++this.#pdus, pdu });
            const auth = authIn(pdu, this.#options);
            if (auth !== undefined) this.#sink({ type: 'auth', conversation, tcp: undefined, event: auth });
            if (inner === undefined || inner.done || pdu.data === undefined) return;
            for (const found of inner.feed(pdu.direction, pdu.data, pdu))
              this.#sink({ type: 'inner', conversation, inner: found });
          },
          note: (direction, note, place) => this.#note(conversation, direction, note, place),
        },
        { fromStart: !conversation.assumed },
      );
      return tunnel;
    };
    return {
      request: (tcp, event) => emit({ type: 'request', conversation, tcp, event }),
      response: (tcp, event) => emit({ type: 'response', conversation, tcp, event }),
      auth: (tcp, event) => emit({ type: 'auth', conversation, tcp, event }),
      frame: (tcp, event) => emit({ type: 'frame', conversation, tcp, event }),
      upgrade: flush,
      bytes: (direction, bytes, place) => stream().bytes(direction, bytes, place),
      gap: (direction, length, place, cause) => {
        emit({ type: 'gap', conversation, direction, length, cause, place });
        tunnel?.gap(direction, length, place);
        inner?.gap(direction);
      },
      end: (direction, cause) => {
        how[direction] = cause;
      },
      note: (_tcp, { code, detail, ...place }) =>
        emit({ type: 'note', conversation, direction: undefined, note: noteOf(code, detail), place }),
      done: (place) => {
        flush();
        tunnel?.end(place);
        for (const found of inner?.end(place) ?? []) this.#sink({ type: 'inner', conversation, inner: found });
        this.#sink({ type: 'end', conversation, how, place });
      },
    };
  }

  #opened({ connections }: Conversation): Opened {
    const starts = connections.map((number) => this.#starts.get(number)).filter((start) => start !== undefined);
    return { syn: starts[0]?.syn, tls: starts.find(({ tls }) => tls !== undefined)?.tls };
  }
}
