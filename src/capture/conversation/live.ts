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

/** A conversation that is being read: its facts, its connections, and the directions that have ended. */
export class LiveConversation {
  readonly facts: Facts;
  readonly sink: ConversationSink;
  /** The key by which further connections are matched; undefined when none can join. */
  readonly key: string | undefined;
  /** The TCP connections that belong to it. Any object may identify one. */
  readonly members = new Set<object>();
  /** When the last of its connections ended. */
  idleSince: bigint | undefined;
  readonly #carriers: Partial<Record<Direction, object>> = {};
  readonly #ended = new Set<Direction>();
  #over = false;

  constructor(facts: Facts, key: string | undefined, createSink: (conversation: Conversation) => ConversationSink) {
    this.facts = facts;
    this.key = key;
    this.sink = createSink(facts);
  }

  get over(): boolean {
    return this.#over;
  }

  /** At least one direction has ended, so that a client that uses the connection id again begins a new conversation. */
  get partlyEnded(): boolean {
    return this.#ended.size > 0;
  }

  join(member: object, connection: number): void {
    this.members.add(member);
    this.idleSince = undefined;
    const { connections } = this.facts;
    if (!connections.includes(connection) && connections.length < MAX_CONNECTIONS_LISTED) connections.push(connection);
  }

  addIdentifiers({ connectionId, correlationId, userId }: RdgRequest): void {
    const facts = this.facts;
    if (connectionId !== undefined) facts.connectionId ??= copyOf(connectionId);
    if (correlationId !== undefined) facts.correlationId ??= copyOf(correlationId);
    if (userId !== undefined) facts.userId ??= copyOf(userId);
  }

  addScheme(name: string): void {
    const { authSchemes } = this.facts;
    if (!authSchemes.includes(name) && authSchemes.length < MAX_SCHEMES_LISTED) authSchemes.push(copyOf(name));
  }

  addStatus(seen: StatusSeen): void {
    if (this.facts.statuses.length < MAX_STATUSES) this.facts.statuses.push({ ...seen, reason: copyOf(seen.reason) });
  }

  /**
   * Whether `member` carries this direction. The first member that asks becomes its carrier, until the direction ends.
   */
  carries(direction: Direction, member: object): boolean {
    this.#carriers[direction] ??= member;
    return this.#carriers[direction] === member && !this.#ended.has(direction);
  }

  /** The member that carries this direction; undefined while none does. */
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
    this.members.clear();
    this.sink.done(place);
  }
}

/** A copy: a substring of an HTTP head would keep the whole head in memory. */
function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
