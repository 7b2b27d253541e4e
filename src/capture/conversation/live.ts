import type { EndCause } from '../http/events.js';
import type { RdgRequest } from '../http/rdg.js';
import type { Place } from '../types.js';
import {
  type Conversation,
  type ConversationSink,
  type Direction,
  MAX_CONNECTIONS_LISTED,
  MAX_SCHEMES_LISTED,
  MAX_STATUSES,
  type StatusSeen,
} from './conversation.js';

type Facts = { -readonly [K in keyof Conversation]: Conversation[K] } & {
  connections: number[];
  authSchemes: string[];
  statuses: StatusSeen[];
};

export const DIRECTIONS: readonly Direction[] = ['client-to-server', 'server-to-client'];

/** A conversation while it is read: its facts, who carries it, what of it has ended. */
export class LiveConversation {
  readonly facts: Facts;
  readonly sink: ConversationSink;
  /** Under which further connections find it; undefined when none can. */
  readonly key: string | undefined;
  /** The TCP connections that still belong to it: any object stands for one. */
  readonly legs = new Set<object>();
  /** When the last of its connections ended. */
  idleSince: bigint | undefined;
  readonly #carriers: Partial<Record<Direction, object>> = {};
  readonly #ended = new Set<Direction>();
  #over = false;

  constructor(facts: Facts, key: string | undefined, listen: (conversation: Conversation) => ConversationSink) {
    this.facts = facts;
    this.key = key;
    this.sink = listen(facts);
  }

  get over(): boolean {
    return this.#over;
  }

  /** One of the two ways has ended: a client that uses the id again begins anew. */
  get broken(): boolean {
    return this.#ended.size > 0;
  }

  join(leg: object, connection: number): void {
    this.legs.add(leg);
    this.idleSince = undefined;
    const { connections } = this.facts;
    if (!connections.includes(connection) && connections.length < MAX_CONNECTIONS_LISTED) connections.push(connection);
  }

  learn({ connectionId, correlationId, userId }: RdgRequest): void {
    const facts = this.facts;
    if (connectionId !== undefined) facts.connectionId ??= owned(connectionId);
    if (correlationId !== undefined) facts.correlationId ??= owned(correlationId);
    if (userId !== undefined) facts.userId ??= owned(userId);
  }

  scheme(name: string): void {
    const { authSchemes } = this.facts;
    if (!authSchemes.includes(name) && authSchemes.length < MAX_SCHEMES_LISTED) authSchemes.push(owned(name));
  }

  status(seen: StatusSeen): void {
    if (this.facts.statuses.length < MAX_STATUSES) this.facts.statuses.push({ ...seen, reason: owned(seen.reason) });
  }

  /** Whether `leg` carries this direction, which the first to bring bytes for it does; false when another one does. */
  carries(direction: Direction, leg: object): boolean {
    this.#carriers[direction] ??= leg;
    return this.#carriers[direction] === leg && !this.#ended.has(direction);
  }

  /** The leg that carries this direction, if any does already. */
  carrier(direction: Direction): object | undefined {
    return this.#carriers[direction];
  }

  end(direction: Direction, how: EndCause | 'last chunk', place: Place): void {
    if (this.#ended.has(direction) || this.#over) return;
    this.#ended.add(direction);
    this.sink.end(direction, how, place);
  }

  finish(how: EndCause, place: Place): void {
    if (this.#over) return;
    for (const direction of DIRECTIONS) this.end(direction, how, place);
    this.#over = true;
    this.legs.clear();
    this.sink.done(place);
  }
}

/** A text of its own: what was cut out of a head would keep the whole head in memory. */
function owned(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
