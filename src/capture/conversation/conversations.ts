import type { EndCause, HttpConnection, HttpOptions } from '../http/events.js';
import type { RdgRequest } from '../http/rdg.js';
import { HttpStation } from '../http/station.js';
import type { ByteSink, Place } from '../types.js';
import { ConversationConnection, type ConversationTable } from './connection.js';
import { type Conversation, type ConversationsSink, LINGER, MAX_CONVERSATIONS } from './conversation.js';
import { LiveConversation } from './live.js';

type Transport = Conversation['transport'];

/**
 * Groups TCP connections into conversations. A WebSocket is one connection. The OUT and IN channels of the HTTP
 * transport are paired by RDG-Connection-Id, in either order; the connections of RPC over HTTP by client address and
 * gateway. Requests that are not a gateway's are counted.
 */
export class Conversations implements ConversationTable {
  readonly #sink: ConversationsSink;
  readonly #options: HttpOptions;
  /** In order of appearance. */
  readonly #live = new Set<LiveConversation>();
  readonly #byKey = new Map<string, LiveConversation>();
  /** Conversations without a connection, oldest first. */
  readonly #lingering = new Set<LiveConversation>();
  #count = 0;
  #ordinaryRequests = 0;

  constructor(sink: ConversationsSink, options: HttpOptions = {}) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Number of conversations so far. */
  get count(): number {
    return this.#count;
  }

  /** Number of HTTP requests that were not a gateway's. */
  get ordinaryRequests(): number {
    return this.#ordinaryRequests;
  }

  /** The sink for one TCP connection, above TLS if there is any. The caller must end both directions. */
  connection(connection: HttpConnection): ByteSink {
    return new HttpStation(connection, new ConversationConnection(connection, this), this.#options);
  }

  /** Ends all conversations that are open at the end of the capture. */
  finish(place: Place): void {
    for (const live of [...this.#live]) this.#close(live, 'capture ended', place);
  }

  countOrdinary(): void {
    this.#ordinaryRequests++;
  }

  /**
   * The conversation of a gateway request, new or known. `current` is the conversation of its connection so far. Must
   * not be called for other requests.
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
    const joins = known && (rdg.kind === 'in' || transport === 'rpc' ? !known.partlyEnded : !known.facts.established);
    if (known && joins) {
      this.#lingering.delete(known);
      return known;
    }
    if (known && !known.partlyEnded) {
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

  /** The conversation of a connection whose request was not captured. */
  ofBytes(connection: HttpConnection, transport: 'websocket' | 'http', place: Place): LiveConversation {
    const key = transport === 'http' ? `assumed ${pairOf(connection)}` : undefined;
    const known = key === undefined ? undefined : this.#byKey.get(key);
    return known && !known.partlyEnded ? known : this.#create(connection, transport, key, true, place);
  }

  /**
   * Ends the conversation when its last connection has left, or keeps it for the client's next try if it was never
   * established.
   */
  connectionLeft(live: LiveConversation, how: EndCause, place: Place): void {
    if (live.members.size > 0 || live.over) return;
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
      if (live.members.size > 0) this.#lingering.delete(live);
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
