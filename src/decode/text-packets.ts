/** One run of `rdgw decode` over packets given as text. The output is that of a capture, without the missing facts. */
import { Fault } from '../fault.js';
import { Counts, perDirection } from './conversation-counts.js';
import type { ConversationSummary } from './conversation-summary.js';
import type { FilteredEvent } from './filter.js';
import { type BarePdu, type BareRest, barePduLine, readBarePdus, shownRest } from './hex.js';
import { type JsonLine, noteLine } from './json.js';
import type { Output } from './output.js';
import type { DecodeRequest, DecodeResult } from './request.js';
import { showStats } from './stats.js';
import type { Totals } from './summary.js';
import { TextWriter } from './text.js';

/** Packets without a capture are treated as one conversation. */
const CONVERSATION = { number: 1 };

/** Throws a `Fault` for options that need a capture. */
export async function decodeTextPackets(bytes: Buffer, request: DecodeRequest, output: Output): Promise<DecodeResult> {
  if (request.inner || request.onEvent !== undefined) throw noCapture();
  const reading = readBarePdus(bytes, request.direction);
  const shows = (event: FilteredEvent): boolean => request.filter === undefined || request.filter(event);
  const counts = new Counts();
  const lines: JsonLine[] = [];
  const { theme, width } = output;
  const writer = new TextWriter({ theme, width, bytes: request.bytes, verbose: true, disclosure: request });
  const show = (text: () => readonly string[], line: JsonLine): void => {
    if (request.show === 'nothing') lines.push(line);
    else if (request.show === 'ndjson') output.line(JSON.stringify(line));
    else if (request.show === 'tree') for (const one of text()) output.line(one);
  };
  let [n, left, understood] = [0, request.limit ?? Number.POSITIVE_INFINITY, false];
  let rest: BareRest | undefined;
  while (left > 0) {
    const { done, value } = reading.next();
    if (done) {
      rest = value;
      break;
    }
    const pdu = value;
    n += 1;
    understood ||= isWellFormed(pdu);
    counts.pdu(pdu);
    if (!shows({ type: 'pdu', conversation: CONVERSATION, pdu })) continue;
    show(() => writer.pdu(pdu, n), barePduLine(pdu, n, request));
    left -= 1;
  }
  if (rest) {
    const { note } = rest;
    counts.note(note);
    const event = { type: 'note', conversation: CONVERSATION, direction: undefined, note } as const;
    const line = { type: 'note', frame: null, time: null, connection: 1, direction: null, ...noteLine(note) };
    const end = shownRest(rest);
    if (shows(event)) show(() => writer.pdu(end, n + 1), line);
  }
  const zero = { packets: 0, skipped: {}, ordinaryRequests: 0, evictedConnections: 0, notes: [], problem: null };
  const totals: Totals = { ...zero, pdus: n };
  const conversations = [conversation(counts)];
  if (request.show === 'stats') await showStats({ ...totals, conversations }, output);
  await output.flush();
  const summary = request.show === 'nothing' ? { ...totals, conversations, lines } : null;
  return { understood, summary, problem: null, warnings: [] };
}

function isWellFormed({ notes }: BarePdu): boolean {
  return notes.every(({ code }) => code !== 'PDU_MALFORMED' && code !== 'PDU_UNKNOWN_TYPE');
}

function conversation(counts: Counts): ConversationSummary {
  return {
    connection: CONVERSATION.number,
    transport: 'hex',
    connectionId: null,
    correlationId: null,
    userId: null,
    client: null,
    gateway: null,
    authSchemes: [],
    assumed: false,
    tcpConnections: [],
    tls: null,
    user: null,
    start: null,
    sawSyn: false,
    seconds: { toChannel: null, toFirstData: null, toEnd: null },
    ...counts.summary(),
    gaps: perDirection(0, 0),
    end: null,
  };
}

function noCapture(): Fault {
  return new Fault({
    kind: 'usage',
    code: 'DECODE_NO_CAPTURE',
    message: '--write and --inner need a capture, not packets as text',
    hint: 'remove --write and --inner, or decode a capture',
  });
}
