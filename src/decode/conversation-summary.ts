import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { TlsInfo } from '../capture/tls/info.js';
import type { ConversationFacts } from './json.js';

type PerDirection<T> = Readonly<Record<Direction, T>>;

/** The summary of one conversation. A null value is unknown, or does not exist without a capture. */
export interface ConversationSummary extends ConversationFacts {
  readonly tls: TlsInfo | null;
  readonly user: string | null;
  readonly target: string | null;
  readonly clientName: string | null;
  readonly start: string | null;
  readonly sawSyn: boolean;
  readonly seconds: Readonly<Record<'toChannel' | 'toFirstData' | 'toEnd', number | null>>;
  /** PDUs by packet type, in decimal. */
  readonly counts: PerDirection<Readonly<Record<string, number>>>;
  /** The sum of cbDataLen. */
  readonly dataBytes: PerDirection<number>;
  readonly keepAlives: PerDirection<number>;
  readonly gaps: PerDirection<number>;
  readonly notes: readonly Note[];
  readonly notesLeftOut: number;
  readonly end: Extract<DecodeEvent, { type: 'end' }>['how'] | null;
}
