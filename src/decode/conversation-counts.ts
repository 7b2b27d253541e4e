/**
 * Counts the PDUs of one conversation. A capture may have a hundred thousand conversations, so empty parts are not
 * allocated.
 */
import type { Conversation } from '../capture/conversation/conversation.js';
import type { DecodeEvent, Direction, Opened } from '../capture/dissection.js';
import type { Note } from '../capture/notes.js';
import type { Place } from '../capture/types.js';
import { type Packet, PKT_TYPE } from '../protocol/index.js';
import type { ConversationSummary } from './conversation-summary.js';
import { conversationFacts, isoTime, noteLine } from './json.js';

/** Notes kept per conversation; further notes are only counted. */
const MAX_NOTES = 100;

/** Maximum characters of a target, a name or a note: a summary contains many. */
const MAX_TEXT_LENGTH = 1024;

type PduCounts = Record<string, number>;

/** The parts of a PDU that are counted, for a capture and for packets given as text. */
export interface CountedPdu {
  readonly direction: Direction;
  readonly packetType: number;
  readonly packet: Packet | undefined;
  readonly data: Buffer | undefined;
  readonly notes: readonly Note[];
}

/** Counts that need the packets only, without times or TCP. */
export class Counts {
  target: string | undefined;
  clientName: string | undefined;
  notesLeftOut = 0;
  readonly #pdus: Partial<Record<Direction, PduCounts>> = {};
  #clientBytes = 0;
  #serverBytes = 0;
  #notes: Note[] | undefined;

  pdu({ direction, packetType, packet, data, notes }: CountedPdu): void {
    this.#pdus[direction] ??= {};
    const pdus = this.#pdus[direction];
    pdus[packetType] = (pdus[packetType] ?? 0) + 1;
    for (const note of notes) this.note(note);
    if (data === undefined) this.#control(packet);
    else if (direction === 'client-to-server') this.#clientBytes += data.length;
    else this.#serverBytes += data.length;
  }

  note(note: Note): void {
    this.#notes ??= [];
    if (this.#notes.length < MAX_NOTES) this.#notes.push(noteLine({ ...note, text: truncate(note.text) }));
    else this.notesLeftOut += 1;
  }

  summary(): Pick<
    ConversationSummary,
    'target' | 'clientName' | 'counts' | 'dataBytes' | 'keepAlives' | 'notes' | 'notesLeftOut'
  > {
    const pdus = (direction: Direction): PduCounts => this.#pdus[direction] ?? {};
    const keepAlives = (direction: Direction): number => pdus(direction)[PKT_TYPE.KEEPALIVE] ?? 0;
    return {
      target: this.target ?? null,
      clientName: this.clientName ?? null,
      counts: perDirection(pdus('client-to-server'), pdus('server-to-client')),
      dataBytes: perDirection(this.#clientBytes, this.#serverBytes),
      keepAlives: perDirection(keepAlives('client-to-server'), keepAlives('server-to-client')),
      notes: this.#notes ?? [],
      notesLeftOut: this.notesLeftOut,
    };
  }

  #control(packet: Packet | undefined): void {
    if (packet?.type === PKT_TYPE.CHANNEL_CREATE) {
      const { resources, altResources, port } = packet.fields;
      this.target = `${truncate([...resources, ...altResources].join(','))}:${port}`;
    } else if (packet?.type === PKT_TYPE.TUNNEL_AUTH) this.clientName = truncate(packet.fields.clientName);
  }
}

/** Cuts a text from the network, which may have 64 KiB, and copies it so that the original is not kept in memory. */
function truncate(text: string): string {
  return text.length <= MAX_TEXT_LENGTH
    ? text
    : Buffer.from(`${text.slice(0, MAX_TEXT_LENGTH)}…`, 'utf16le').toString('utf16le');
}

/** A conversation of a capture, with its times. */
export class ConversationCounts {
  readonly #conversation: Conversation;
  readonly #opened: Opened;
  readonly #start: Place;
  readonly #counts = new Counts();
  /** The user that the client claims to be: from NTLM or Basic, else from RDG-User-Id. */
  #user: string | undefined;
  #clientGaps = 0;
  #serverGaps = 0;
  #channelAt: bigint | undefined;
  #firstData: bigint | undefined;
  #last: bigint;
  #end: ConversationSummary['end'] = null;

  constructor({ conversation, opened, place }: Extract<DecodeEvent, { type: 'connection' }>) {
    this.#conversation = conversation;
    this.#opened = opened;
    this.#start = place;
    this.#last = place.time;
  }

  add(event: DecodeEvent): void {
    if (event.type === 'pdu') this.#pdu(event.pdu);
    else if (event.type === 'auth') this.#user ??= userOf(event.event.summary);
    else if (event.type === 'note') this.#counts.note(event.note);
    else if (event.type === 'gap') {
      if (event.direction === 'client-to-server') this.#clientGaps += 1;
      else this.#serverGaps += 1;
    } else if (event.type === 'end') {
      this.#end = event.how;
      this.#last = event.place.time;
    }
  }

  summary(): ConversationSummary {
    const { syn, tls } = this.#opened;
    const from = syn?.time ?? this.#start.time;
    const since = (at: bigint | undefined): number | null => (at === undefined ? null : Number(at - from) / 1e9);
    return {
      ...conversationFacts(this.#conversation),
      tls: tls ?? null,
      user: this.#user ?? this.#conversation.userId ?? null,
      start: isoTime(from),
      // Without the SYN, times are relative to the first event.
      sawSyn: syn !== undefined,
      seconds: { toChannel: since(this.#channelAt), toFirstData: since(this.#firstData), toEnd: since(this.#last) },
      ...this.#counts.summary(),
      gaps: perDirection(this.#clientGaps, this.#serverGaps),
      end: this.#end,
    };
  }

  #pdu(pdu: Extract<DecodeEvent, { type: 'pdu' }>['pdu']): void {
    this.#counts.pdu(pdu);
    this.#last = pdu.time;
    if (pdu.data !== undefined) this.#firstData ??= pdu.time;
    else if (pdu.packet?.type === PKT_TYPE.CHANNEL_RESPONSE && pdu.packet.fields.errorCode === 0)
      this.#channelAt ??= pdu.time;
  }
}

export function perDirection<T>(client: T, server: T): Record<Direction, T> {
  return { 'client-to-server': client, 'server-to-client': server };
}

function userOf({ token, user }: Extract<DecodeEvent, { type: 'auth' }>['event']['summary']): string | undefined {
  const ntlm = token?.ntlm;
  if (ntlm?.user) return ntlm.domain ? `${ntlm.domain}\\${ntlm.user}` : ntlm.user;
  return user;
}
