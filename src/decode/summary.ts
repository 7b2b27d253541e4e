/** What a capture amounts to: per conversation who, how long, how much, and how it ended. Grows with conversations, not bytes. */
import type { DecodeEvent } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { CaptureProblem } from '../capture/types.js';
import { ConversationCounts } from './conversation-counts.js';
import type { ConversationSummary } from './conversation-summary.js';
import { type JsonLine, noteLine } from './json.js';
import { type PackedItem, PackedList } from './packed-list.js';
import type { Skipped } from './skipped-packets.js';

/** All but the conversations. */
export interface Totals {
  readonly packets: number;
  readonly pdus: number;
  /** Packets without a TCP segment that could be read, by reason. */
  readonly skipped: Partial<Skipped>;
  /** HTTP requests that were none of a gateway's. */
  readonly ordinaryRequests: number;
  /** TCP connections that made room for others and may have gone on. */
  readonly evictedConnections: number;
  /** Remarks about no conversation. */
  readonly notes: readonly Note[];
  /** What is wrong with the file, if anything. */
  readonly problem: CaptureProblem | null;
}

export interface Summary extends Totals {
  readonly conversations: readonly ConversationSummary[];
  /** Packets that came as text, each as the line that `--format ndjson` prints of it. */
  readonly lines?: readonly JsonLine[];
}

/** Remarks kept of the capture as a whole. */
const MAX_NOTES = 100;

export class AllConversationCounts {
  /** Of conversations that go on, and those that ended. In order of appearance. */
  readonly #tallies = new Map<number, ConversationCounts | PackedItem>();
  readonly #packed = new PackedList<ConversationSummary>();
  readonly notes: Note[] = [];

  add(event: DecodeEvent): void {
    const number = event.conversation?.number;
    if (event.type === 'connection') this.#tallies.set(event.conversation.number, new ConversationCounts(event));
    else if (number !== undefined) this.#count(number, event);
    else if (event.type === 'note' && this.notes.length < MAX_NOTES) this.notes.push(noteLine(event.note));
  }

  /** One at a time: what they say is several times larger than what was counted. */
  *conversations(): Generator<ConversationSummary> {
    for (const one of this.#tallies.values())
      yield one instanceof ConversationCounts ? one.summary() : this.#packed.get(one);
  }

  #count(number: number, event: DecodeEvent): void {
    const tally = this.#tallies.get(number);
    if (!(tally instanceof ConversationCounts)) return;
    tally.add(event);
    if (event.type === 'end') this.#tallies.set(number, this.#packed.put(tally.summary()));
  }
}
