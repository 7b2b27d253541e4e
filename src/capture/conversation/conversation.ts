/** Conversations: what a person calls "a gateway session", whatever number of TCP connections it takes. */
import type { AuthEvent, EndCause, RequestEvent, ResponseEvent, UpgradeEvent } from '../http/events.js';
import type { Endpoint, GapCause, NoteEvent, Place } from '../types.js';
import type { FrameEvent } from '../websocket/websocket.js';

export type Direction = 'client-to-server' | 'server-to-client';

export interface StatusSeen extends Place {
  /** The TCP connection's number. */
  readonly connection: number;
  readonly method: string;
  readonly status: number;
  readonly reason: string;
}

/** What is known so far; grows while its connections are read. */
export interface Conversation {
  /** From 1 in order of appearance. */
  readonly number: number;
  /** What the client asked for until the gateway answered, then what it got. */
  readonly transport: 'websocket' | 'http' | 'rpc';
  /** Lower case, without braces. */
  readonly connectionId?: string;
  readonly correlationId?: string;
  /** RDG-User-Id: the client's own words, for show. */
  readonly userId?: string;
  readonly client: Endpoint;
  readonly gateway: Endpoint;
  /** The first request, or the first byte where no request was seen. */
  readonly start: Place;
  /** Numbers of its TCP connections, at most MAX_CONNECTIONS_LISTED. */
  readonly connections: readonly number[];
  /** Schemes that the client used, as spelled, in order, each once. */
  readonly authSchemes: readonly string[];
  /** At most MAX_STATUSES; the first ones. */
  readonly statuses: readonly StatusSeen[];
  /** PDUs may flow: a 101, or a 200 to RDG_OUT_DATA. */
  readonly established: boolean;
  /** No request was seen: all this is concluded from the bytes. */
  readonly assumed: boolean;
}

/** Of one conversation, in the order of the capture. Every Buffer is a view that is valid until the sink returns. */
export interface ConversationSink {
  request(connection: number, event: RequestEvent): void;
  response(connection: number, event: ResponseEvent): void;
  auth(connection: number, event: AuthEvent): void;
  upgrade(connection: number, event: UpgradeEvent): void;
  frame(connection: number, event: FrameEvent): void;
  /** The next bytes of the stream of PDUs. */
  bytes(direction: Direction, bytes: Buffer, place: Place): void;
  /** Bytes that are not told; undefined where nobody knows how many. */
  gap(direction: Direction, length: number | undefined, place: Place, cause: GapCause): void;
  /** Once for each direction. `last chunk`: the body was completed in order, the TCP connection may live on. */
  end(direction: Direction, how: EndCause | 'last chunk', place: Place): void;
  note(connection: number, note: NoteEvent): void;
  /** Nothing more comes. */
  done(place: Place): void;
}

export interface ConversationsSink {
  /** A new conversation: who listens to it. */
  conversation(conversation: Conversation): ConversationSink;
  /** About no conversation in particular. */
  note(note: NoteEvent): void;
}

/** Conversations that are read at a time; beyond, the oldest ends. A large gateway has some thousand sessions. */
export const MAX_CONVERSATIONS = 4096;
/** Refused conversations whose connections are closed wait so long for the next try, in nanoseconds of the capture's clock. */
export const LINGER = 60_000_000_000n;
export const MAX_CONNECTIONS_LISTED = 64;
export const MAX_STATUSES = 64;
export const MAX_SCHEMES_LISTED = 16;
/** Notes of a connection that wait for its conversation to be known. */
export const MAX_EARLY_NOTES = 8;
