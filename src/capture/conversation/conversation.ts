/** Conversations: gateway sessions, each of one or more TCP connections. */
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

/** The facts of a conversation. The object is updated while its connections are read. */
export interface Conversation {
  /** From 1 in order of appearance. */
  readonly number: number;
  /** The transport that the client requested, and after the gateway's answer the one in use. */
  readonly transport: 'websocket' | 'http' | 'rpc';
  /** Lower case, without braces. */
  readonly connectionId?: string;
  readonly correlationId?: string;
  /** RDG-User-Id, as claimed by the client; not authenticated. */
  readonly userId?: string;
  readonly client: Endpoint;
  readonly gateway: Endpoint;
  /** The first request, or the first byte where no request was captured. */
  readonly start: Place;
  /** Numbers of its TCP connections, at most MAX_CONNECTIONS_LISTED. */
  readonly connections: readonly number[];
  /** Schemes that the client used, as spelled, in order, each once; at most MAX_SCHEMES_LISTED. */
  readonly authSchemes: readonly string[];
  /** The first MAX_STATUSES responses. */
  readonly statuses: readonly StatusSeen[];
  /** The gateway accepted the transport, with a 101 or with a 200 to RDG_OUT_DATA or RPC_OUT_DATA. */
  readonly established: boolean;
  /** No request was captured: the conversation is inferred from the bytes. */
  readonly assumed: boolean;
}

/**
 * Receives the events of one conversation in the order of the capture. Buffers are views, valid until the sink returns.
 */
export interface ConversationSink {
  request(connection: number, event: RequestEvent): void;
  response(connection: number, event: ResponseEvent): void;
  auth(connection: number, event: AuthEvent): void;
  upgrade(connection: number, event: UpgradeEvent): void;
  frame(connection: number, event: FrameEvent): void;
  /** The next bytes of the stream of PDUs. */
  bytes(direction: Direction, bytes: Buffer, place: Place): void;
  /** `length` bytes of the stream of PDUs are lost (undefined: an unknown number). */
  gap(direction: Direction, length: number | undefined, place: Place, cause: GapCause): void;
  /** Called once for each direction. `last chunk`: the HTTP body is complete; its TCP connection may stay open. */
  end(direction: Direction, how: EndCause | 'last chunk', place: Place): void;
  note(connection: number, note: NoteEvent): void;
  /** Called once, after all other events. */
  done(place: Place): void;
}

export interface ConversationsSink {
  /** Returns the sink for a new conversation. */
  conversation(conversation: Conversation): ConversationSink;
  /** A note that belongs to no conversation. */
  note(note: NoteEvent): void;
}

/**
 * Conversations that are open at a time; beyond it the oldest is ended. A large gateway has a few thousand sessions.
 */
export const MAX_CONVERSATIONS = 4096;
/**
 * How long a conversation that was not established outlives its last connection, for the client's next try. In
 * nanoseconds of the capture's clock.
 */
export const LINGER = 60_000_000_000n;
export const MAX_CONNECTIONS_LISTED = 64;
export const MAX_STATUSES = 64;
export const MAX_SCHEMES_LISTED = 16;
/** Notes of a connection that are queued until its conversation is known. */
export const MAX_EARLY_NOTES = 8;
