import type { EndCause, HttpConnection, HttpOptions } from '../http/events.js';
import type { RdgRequest } from '../http/rdg.js';
import { HttpStation } from '../http/station.js';
import type { ByteSink, Place } from '../types.js';
import { type Conversation, type ConversationsSink, LINGER, MAX_CONVERSATIONS } from './conversation.js';
import { type ConversationTable, Leg } from './leg.js';
import { LiveConversation } from './live.js';

type Transport = Conversation['transport'];

/**
 * Joins TCP connections into conversations: a WebSocket is one connection; the dual channel's OUT and IN find each other by
 * RDG-Connection-Id, in either order; RPC over HTTP by the two addresses; what has nothing to do with a gateway is counted.
 */
export class Conversations implements ConversationTable {
  readonly #sink: ConversationsSink;
  readonly #options: HttpOptions;
  /** In order of appearance. */
  readonly #live = new Set<LiveConversation>();
  readonly #byKey = new Map<string, LiveConversation>();
  /** Those without a connection, oldest first. */
  readonly #lingering = new Set<LiveConversation>();
  #count = 0;
  #ordinaryRequests = 0;

  constructor(sink: ConversationsSink, options: HttpOptions = {}) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Conversations seen so far. */
  get count(): number {
    return this.#count;
  }

  /** HTTP requests that were none of a gateway's. */
  get ordinaryRequests(): number {
    return this.#ordinaryRequests;
  }

  /** Where the bytes of one TCP connection (above TLS, if there is any) go. Tell it the end of both directions. */
  connection(connection: HttpConnection): ByteSink {
    return new HttpStation(connection, new Leg(connection, this), this.#options);
  }

  /** The capture is over: ends what has not ended. */
  finish(place: Place): void {
    for (const live of [...this.#live]) this.#close(live, 'capture ended', place);
  }

  countOrdinary(): void {
    this.#ordinaryRequests++;
  }

  /**
   * The conversation that a request belongs to, new or known; `current` is the one its connection belonged to so far. Not for
   * ordinary requests.
   */
  ofRequest(
    connection: HttpConnection,
    rdg: RdgRequest,
    current: LiveConversation | undefined,
    place: Place,
  ): LiveConversation {
    const transport: Transport = rdg.kind.startsWith('rpc') ? 'rpc' : rdg.upgrade ? 'websocket' : 'http';
    const id = rdg.connectionId;
    const key = transport === 'rpc' ? `rpc ${pairOf(connection)}` : id === undefined ? undefined : `id ${id}`;
    if (current && !current.over && (key === undefined || key === current.key)) return current;
    const known = key === undefined ? undefined : this.#byKey.get(key);
    const joins = known && (rdg.kind === 'in' || transport === 'rpc' ? !known.broken : !known.facts.established);
    if (known && joins) {
      this.#lingering.delete(known);
      return known;
    }
    if (known && !known.broken) {
      known.sink.note(connection.number, {
        code: 'CONNECTION_ID_REUSED',
        detail: 'a new conversation begins under the same connection id',
        ...placeOf(place),
      });
    }
    const live = this.#create(connection, transport, key, false, place);
    if (transport === 'rpc') {
      live.sink.note(connection.number, { code: 'RPC_TRANSPORT', detail: rdg.kind, ...placeOf(place) });
    }
    return live;
  }

  /** The conversation of a connection that showed itself by its bytes alone. */
  ofBytes(connection: HttpConnection, transport: 'websocket' | 'http', place: Place): LiveConversation {
    const key = transport === 'http' ? `assumed ${pairOf(connection)}` : undefined;
    const known = key === undefined ? undefined : this.#byKey.get(key);
    return known && !known.broken ? known : this.#create(connection, transport, key, true, place);
  }

  /** A connection left: when it was the last, the conversation is over, or waits for the next try when it never began. */
  left(live: LiveConversation, how: EndCause, place: Place): void {
    if (live.legs.size > 0 || live.over) return;
    if (live.facts.established || live.key === undefined || how === 'capture ended') {
      this.#close(live, how, place);
      return;
    }
    live.idleSince = place.time;
    this.#lingering.add(live);
  }

  note(note: Parameters<ConversationsSink['note']>[0]): void {
    this.#sink.note(note);
  }

  #create(
    connection: HttpConnection,
    transport: Transport,
    key: string | undefined,
    assumed: boolean,
    place: Place,
  ): LiveConversation {
    this.#expire(place);
    if (this.#live.size >= MAX_CONVERSATIONS) this.#evict(place);
    this.#count++;
    const { client, server } = connection;
    const live = new LiveConversation(
      {
        number: this.#count,
        transport,
        client,
        gateway: server,
        start: placeOf(place),
        connections: [],
        authSchemes: [],
        statuses: [],
        established: false,
        assumed,
      },
      key,
      (conversation) => this.#sink.conversation(conversation),
    );
    this.#live.add(live);
    if (key !== undefined) this.#byKey.set(key, live);
    return live;
  }

  #expire(place: Place): void {
    for (const live of this.#lingering) {
      if (live.legs.size > 0) this.#lingering.delete(live);
      else if (place.time - (live.idleSince ?? place.time) > LINGER) this.#close(live, 'fin', place);
      else break;
    }
  }

  #evict(place: Place): void {
    const [oldest] = this.#lingering.size > 0 ? this.#lingering : this.#live;
    if (!oldest) return;
    this.note({ code: 'CONVERSATIONS_MANY', detail: `more than ${MAX_CONVERSATIONS} at a time`, ...placeOf(place) });
    this.#close(oldest, 'capture ended', place);
  }

  #close(live: LiveConversation, how: EndCause, place: Place): void {
    this.#live.delete(live);
    this.#lingering.delete(live);
    if (live.key !== undefined && this.#byKey.get(live.key) === live) this.#byKey.delete(live.key);
    live.finish(how, place);
  }
}

function pairOf({ client, server }: HttpConnection): string {
  return `${client.address} ${server.address} ${server.port}`;
}

function placeOf({ frame, time }: Place): Place {
  return { frame, time };
}
