/** What a capture amounts to: per conversation who, how long, how much, and how it ended. Grows with conversations, not bytes. */
import type { Conversation } from '../capture/conversation.js';
import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { CaptureProblem, Place } from '../capture/types.js';
import { PKT_TYPE } from '../protocol/index.js';
import { conversationFacts, isoTime, noteLine } from './json.js';

type PerDirection<T> = Record<Direction, T>;

export interface ConversationSummary extends Readonly<Record<string, unknown>> {
  readonly connection: number;
  /** PDUs by packet type, in decimal. */
  readonly counts: PerDirection<Record<string, number>>;
  /** The sum of cbDataLen. */
  readonly dataBytes: PerDirection<number>;
}

export interface Summary {
  readonly packets: number;
  readonly pdus: number;
  readonly conversations: readonly ConversationSummary[];
  /** Remarks about no conversation. */
  readonly notes: readonly Note[];
  /** What is wrong with the file, if anything. */
  readonly problem: CaptureProblem | null;
}

/** Remarks kept per conversation, and of the capture as a whole; the rest is counted. */
const MAX_NOTES = 100;

interface Tally {
  readonly conversation: Conversation;
  readonly tls: unknown;
  readonly syn: Place | undefined;
  readonly start: Place;
  readonly counts: PerDirection<Record<string, number>>;
  readonly dataBytes: PerDirection<number>;
  readonly gaps: PerDirection<number>;
  readonly notes: Note[];
  notesLeftOut: number;
  /** Whom the client says it is: what NTLM or Basic carried, else RDG-User-Id. */
  user: string | undefined;
  target: string | undefined;
  clientName: string | undefined;
  channelAt: bigint | undefined;
  firstData: bigint | undefined;
  last: bigint;
  end: unknown;
  facts: Readonly<Record<string, unknown>>;
}

export class Tallies {
  readonly #tallies = new Map<number, Tally>();
  readonly #notes: Note[] = [];
  #problem: CaptureProblem | null = null;

  problem(problem: CaptureProblem): void {
    this.#problem = problem;
  }

  add(event: DecodeEvent): void {
    if (event.type === 'connection') return this.#begin(event);
    if (event.conversation === undefined) {
      if (event.type === 'note' && this.#notes.length < MAX_NOTES) this.#notes.push(noteLine(event.note));
      return;
    }
    const tally = this.#tallies.get(event.conversation.number);
    if (tally === undefined) return;
    if (event.type === 'pdu') countPdu(tally, event.pdu);
    else if (event.type === 'auth') tally.user ??= userOf(event.event.summary);
    else if (event.type === 'gap') tally.gaps[event.direction] += 1;
    else if (event.type === 'note') keepNote(tally, event.note);
    else if (event.type === 'end') {
      tally.end = event.how;
      tally.last = event.place.time;
      tally.facts = conversationFacts(event.conversation);
    }
  }

  summary({ packets, pdus }: { readonly packets: number; readonly pdus: number }): Summary {
    const conversations = [...this.#tallies.values()].map(summarise);
    return { packets, pdus, conversations, notes: this.#notes, problem: this.#problem };
  }

  #begin({ conversation, opened, place }: Extract<DecodeEvent, { type: 'connection' }>): void {
    this.#tallies.set(conversation.number, {
      conversation,
      tls: opened.tls ?? null,
      syn: opened.syn,
      start: place,
      counts: { 'client-to-server': {}, 'server-to-client': {} },
      dataBytes: { 'client-to-server': 0, 'server-to-client': 0 },
      gaps: { 'client-to-server': 0, 'server-to-client': 0 },
      notes: [],
      notesLeftOut: 0,
      user: undefined,
      target: undefined,
      clientName: undefined,
      channelAt: undefined,
      firstData: undefined,
      last: place.time,
      end: null,
      facts: conversationFacts(conversation),
    });
  }
}

function countPdu(tally: Tally, pdu: Extract<DecodeEvent, { type: 'pdu' }>['pdu']): void {
  const { direction, packetType, packet, data, notes, time } = pdu;
  const counts = tally.counts[direction];
  counts[packetType] = (counts[packetType] ?? 0) + 1;
  tally.last = time;
  for (const note of notes) keepNote(tally, note);
  if (data !== undefined) {
    tally.dataBytes[direction] += data.length;
    tally.firstData ??= time;
  } else if (packet?.type === PKT_TYPE.CHANNEL_CREATE) {
    const { resources, altResources, port } = packet.fields;
    tally.target = `${[...resources, ...altResources].join(',')}:${port}`;
  } else if (packet?.type === PKT_TYPE.CHANNEL_RESPONSE && packet.fields.errorCode === 0) {
    tally.channelAt ??= time;
  } else if (packet?.type === PKT_TYPE.TUNNEL_AUTH) {
    tally.clientName = packet.fields.clientName;
  }
}

function userOf({ token, user }: Extract<DecodeEvent, { type: 'auth' }>['event']['summary']): string | undefined {
  const ntlm = token?.ntlm;
  if (ntlm?.user) return ntlm.domain ? `${ntlm.domain}\\${ntlm.user}` : ntlm.user;
  return user;
}

function keepNote(tally: Tally, note: Note): void {
  if (tally.notes.length < MAX_NOTES) tally.notes.push(noteLine(note));
  else tally.notesLeftOut += 1;
}

function summarise(tally: Tally): ConversationSummary {
  const from = tally.syn?.time ?? tally.start.time;
  const since = (at: bigint | undefined): number | null => (at === undefined ? null : Number(at - from) / 1e9);
  const keepAlives = (direction: Direction): number => tally.counts[direction][PKT_TYPE.KEEPALIVE] ?? 0;
  return {
    ...tally.facts,
    connection: tally.conversation.number,
    tls: tally.tls,
    user: tally.user ?? tally.conversation.userId ?? null,
    target: tally.target ?? null,
    clientName: tally.clientName ?? null,
    start: isoTime(from),
    // Without the SYN the clock starts at the first thing seen.
    sawSyn: tally.syn !== undefined,
    seconds: { toChannel: since(tally.channelAt), toFirstData: since(tally.firstData), toEnd: since(tally.last) },
    counts: tally.counts,
    dataBytes: tally.dataBytes,
    keepAlives: {
      'client-to-server': keepAlives('client-to-server'),
      'server-to-client': keepAlives('server-to-client'),
    },
    gaps: tally.gaps,
    notes: tally.notes,
    notesLeftOut: tally.notesLeftOut,
    end: tally.end,
  };
}
