import type {
  AuthEvent,
  EndCause,
  HttpConnection,
  HttpSink,
  RequestEvent,
  ResponseEvent,
  UpgradeEvent,
} from '../http/events.js';
import type { RdgRequest } from '../http/rdg.js';
import type { GapCause, NoteEvent, Place, Sender } from '../types.js';
import type { FrameEvent } from '../websocket/websocket.js';
import { type Direction, MAX_EARLY_NOTES } from './conversation.js';
import type { LiveConversation } from './live.js';

const DIRECTION: Readonly<Record<Sender, Direction>> = { client: 'client-to-server', server: 'server-to-client' };

/** What a leg asks of the table of all conversations. */
export interface ConversationTable {
  /** An ordinary request, which belongs to no conversation. */
  countOrdinary(): void;
  /** The conversation that a request for the gateway belongs to; `current` is the one of this connection until now. */
  ofRequest(
    connection: HttpConnection,
    request: RdgRequest,
    current: LiveConversation | undefined,
    place: Place,
  ): LiveConversation;
  /** The conversation of a connection whose request was not seen. */
  ofBytes(connection: HttpConnection, transport: 'websocket' | 'http', place: Place): LiveConversation;
  /** A connection has left a conversation. */
  left(live: LiveConversation, how: EndCause, place: Place): void;
}

/** One TCP connection as part of a conversation. It may change sides: proxies send requests of many clients down one connection. */
export class Leg implements HttpSink {
  readonly #connection: HttpConnection;
  readonly #all: ConversationTable;
  #live: LiveConversation | undefined;
  #early: NoteEvent[] = [];
  readonly #ended = new Set<Sender>();

  constructor(connection: HttpConnection, all: ConversationTable) {
    this.#connection = connection;
    this.#all = all;
  }

  request(event: RequestEvent): void {
    if (event.rdg.kind === 'other') {
      this.#all.countOrdinary();
      return;
    }
    const live = this.#all.ofRequest(this.#connection, event.rdg, this.#live, event.place);
    this.#belong(live, event.place);
    live.learn(event.rdg);
    live.sink.request(this.#connection.number, event);
  }

  response(event: ResponseEvent): void {
    const live = this.#current();
    if (!live || event.answers?.rdg.kind === 'other') return;
    const { status, reason } = event.head;
    const method = event.answers?.head.method ?? '';
    const { frame, time } = event.place;
    live.status({ connection: this.#connection.number, method, status, reason, frame, time });
    if (status === 200 && event.answers?.rdg.kind === 'rpc-out') live.facts.established = true;
    live.sink.response(this.#connection.number, event);
  }

  auth(event: AuthEvent): void {
    const live = this.#current();
    if (!live) return;
    if (event.from === 'client') live.scheme(event.summary.scheme);
    live.sink.auth(this.#connection.number, event);
  }

  upgrade(event: UpgradeEvent): void {
    if (!this.#current()) this.#belong(this.#all.ofBytes(this.#connection, event.transport, event.place), event.place);
    const live = this.#live as LiveConversation;
    if (live.facts.transport !== 'rpc') live.facts.transport = event.transport;
    // An IN channel alone is a question; only the OUT channel's 200 answers it.
    if (event.leg !== 'in') live.facts.established = true;
    live.sink.upgrade(this.#connection.number, event);
  }

  frame(event: FrameEvent): void {
    this.#current()?.sink.frame(this.#connection.number, event);
  }

  tunnel(from: Sender, bytes: Buffer, place: Place): void {
    const live = this.#live;
    if (!live || live.over) return;
    const direction = DIRECTION[from];
    if (live.carries(direction, this)) live.sink.bytes(direction, bytes, place);
    else this.#second(live, direction, place);
  }

  gap(from: Sender, length: number | undefined, place: Place, cause: GapCause): void {
    const live = this.#current();
    if (live?.carries(DIRECTION[from], this)) live.sink.gap(DIRECTION[from], length, place, cause);
  }

  bodyEnd(from: Sender, place: Place): void {
    const live = this.#current();
    if (live?.carries(DIRECTION[from], this)) live.end(DIRECTION[from], 'last chunk', place);
  }

  end(from: Sender, how: EndCause, place: Place): void {
    if (this.#ended.has(from)) return;
    this.#ended.add(from);
    const live = this.#current();
    if (!live) return;
    if (live.carrier(DIRECTION[from]) === this) live.end(DIRECTION[from], how, place);
    if (this.#ended.size === 2) this.#leave(how, place);
  }

  note(note: NoteEvent): void {
    const live = this.#current();
    if (live) live.sink.note(this.#connection.number, note);
    else if (this.#early.length < MAX_EARLY_NOTES) this.#early.push(note);
  }

  #current(): LiveConversation | undefined {
    return this.#live?.over ? undefined : this.#live;
  }

  #belong(live: LiveConversation, place: Place): void {
    if (this.#live === live) return;
    this.#leave('fin', place);
    this.#live = live;
    live.join(this, this.#connection.number);
    for (const note of this.#early) live.sink.note(this.#connection.number, note);
    this.#early = [];
  }

  #leave(how: EndCause, place: Place): void {
    const live = this.#live;
    if (!live || live.over) return;
    for (const direction of Object.values(DIRECTION)) {
      if (live.carrier(direction) === this) live.end(direction, how, place);
    }
    this.#live = undefined;
    live.legs.delete(this);
    this.#all.left(live, how, place);
  }

  #second(live: LiveConversation, direction: Direction, place: Place): void {
    live.sink.note(this.#connection.number, {
      code: 'CHANNEL_SECOND',
      detail: `${direction}: another connection carries this already, or it has ended`,
      frame: place.frame,
      time: place.time,
    });
    // Once is enough: what else it brings belongs to nobody.
    this.#live = undefined;
    live.legs.delete(this);
    this.#all.left(live, 'fin', place);
  }
}
