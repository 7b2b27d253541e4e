/**
 * The summary of a capture: for each conversation its endpoints, durations, counts and end. Memory grows with the
 * number of conversations, not with the size of the capture.
 */
import type { DecodeEvent } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { CaptureProblem } from '../capture/types.js';
import { ConversationCounts } from './conversation-counts.js';
import type { ConversationSummary } from './conversation-summary.js';
import { type JsonLine, noteLine } from './json.js';
import { type PackedItem, PackedList } from './packed-list.js';
import type { Skipped } from './skipped-packets.js';

/** The summary without the conversations. */
export interface Totals {
  readonly packets: number;
  readonly pdus: number;
  /** Packets without a readable TCP segment, by reason. */
  readonly skipped: Partial<Skipped>;
  /** HTTP requests that are not for a gateway. */
  readonly ordinaryRequests: number;
  /** TCP connections dropped from memory for newer ones. They may have continued. */
  readonly evictedConnections: number;
  /** Notes that belong to no conversation. */
  readonly notes: readonly Note[];
  /** The error in the file, if any. */
  readonly problem: CaptureProblem | null;
}

export interface Summary extends Totals {
  readonly conversations: readonly ConversationSummary[];
  /** For packets given as text: the lines that `--format ndjson` prints. */
  readonly lines?: readonly JsonLine[];
}

/** Maximum notes kept that belong to no conversation. */
const MAX_NOTES = 100;

export class AllConversationCounts {
  /** By conversation number, in order of appearance: counts of an open conversation, packed summary of an ended one. */
  readonly #counts = new Map<number, ConversationCounts | PackedItem>();
  readonly #packed = new PackedList<ConversationSummary>();
  readonly notes: Note[] = [];

  add(event: DecodeEvent): void {
    const number = event.conversation?.number;
    if (event.type === 'connection') this.#counts.set(event.conversation.number, new ConversationCounts(event));
    else if (number !== undefined) this.#count(number, event);
    else if (event.type === 'note' && this.notes.length < MAX_NOTES) this.notes.push(noteLine(event.note));
  }

  /** Yields one summary at a time: a summary is several times larger than its counts. */
  *conversations(): Generator<ConversationSummary> {
    for (const one of this.#counts.values())
      yield one instanceof ConversationCounts ? one.summary() : this.#packed.get(one);
  }

  #count(number: number, event: DecodeEvent): void {
    const counts = this.#counts.get(number);
    if (!(counts instanceof ConversationCounts)) return;
    counts.add(event);
    if (event.type === 'end') this.#counts.set(number, this.#packed.put(counts.summary()));
  }
}
