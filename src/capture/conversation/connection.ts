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

/** The table of all conversations, as a connection uses it. */
export interface ConversationTable {
  /** Counts a request that is not a gateway's and belongs to no conversation. */
  countOrdinary(): void;
  /** The conversation of a gateway request, new or known. `current` is the conversation of its connection so far. */
  ofRequest(
    connection: HttpConnection,
    request: RdgRequest,
    current: LiveConversation | undefined,
    place: Place,
  ): LiveConversation;
  /** The conversation of a connection whose request was not captured. */
  ofBytes(connection: HttpConnection, transport: 'websocket' | 'http', place: Place): LiveConversation;
  /** A connection no longer belongs to a conversation. */
  connectionLeft(live: LiveConversation, how: EndCause, place: Place): void;
}

/**
 * One TCP connection and the conversation it belongs to. A proxy may send requests of many conversations on one
 * connection.
 */
export class ConversationConnection implements HttpSink {
  readonly #connection: HttpConnection;
  readonly #table: ConversationTable;
  #live: LiveConversation | undefined;
  #earlyNotes: NoteEvent[] = [];
  readonly #ended = new Set<Sender>();

  constructor(connection: HttpConnection, table: ConversationTable) {
    this.#connection = connection;
    this.#table = table;
  }

  request(event: RequestEvent): void {
    if (event.rdg.kind === 'other') {
      this.#table.countOrdinary();
      return;
    }
    const live = this.#table.ofRequest(this.#connection, event.rdg, this.#live, event.place);
    this.#join(live, event.place);
    live.addIdentifiers(event.rdg);
    live.sink.request(this.#connection.number, event);
  }

  response(event: ResponseEvent): void {
    const live = this.#current();
    if (!live || event.answers?.rdg.kind === 'other') return;
    const { status, reason } = event.head;
    const method = event.answers?.head.method ?? '';
    const { frame, time } = event.place;
    live.addStatus({ connection: this.#connection.number, method, status, reason, frame, time });
    if (status === 200 && event.answers?.rdg.kind === 'rpc-out') live.facts.established = true;
    live.sink.response(this.#connection.number, event);
  }

  auth(event: AuthEvent): void {
    const live = this.#current();
    if (!live) return;
    if (event.from === 'client') live.addScheme(event.summary.scheme);
    live.sink.auth(this.#connection.number, event);
  }

  upgrade(event: UpgradeEvent): void {
    if (!this.#current()) this.#join(this.#table.ofBytes(this.#connection, event.transport, event.place), event.place);
    const live = this.#live as LiveConversation;
    if (live.facts.transport !== 'rpc') live.facts.transport = event.transport;
    // An IN channel alone does not establish the conversation; the 200 of the OUT channel does.
    if (event.channel !== 'in') live.facts.established = true;
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
    else this.#leaveAsSecond(live, direction, place);
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
    else if (this.#earlyNotes.length < MAX_EARLY_NOTES) this.#earlyNotes.push(note);
  }

  #current(): LiveConversation | undefined {
    return this.#live?.over ? undefined : this.#live;
  }

  #join(live: LiveConversation, place: Place): void {
    if (this.#live === live) return;
    this.#leave('fin', place);
    this.#live = live;
    live.join(this, this.#connection.number);
    for (const note of this.#earlyNotes) live.sink.note(this.#connection.number, note);
    this.#earlyNotes = [];
  }

  #leave(how: EndCause, place: Place): void {
    const live = this.#live;
    if (!live || live.over) return;
    for (const direction of Object.values(DIRECTION)) {
      if (live.carrier(direction) === this) live.end(direction, how, place);
    }
    this.#live = undefined;
    live.members.delete(this);
    this.#table.connectionLeft(live, how, place);
  }

  #leaveAsSecond(live: LiveConversation, direction: Direction, place: Place): void {
    live.sink.note(this.#connection.number, {
      code: 'CHANNEL_SECOND',
      detail: `${direction}: another connection carries this already, or it has ended`,
      frame: place.frame,
      time: place.time,
    });
    // The connection leaves, so that this is noted once and its further bytes are dropped.
    this.#live = undefined;
    live.members.delete(this);
    this.#table.connectionLeft(live, 'fin', place);
  }
}
