/** `--stats`: the summary as a few lines per conversation. */
import type { Note } from '../capture/notes.js';
import { packetName } from '../protocol/index.js';
import { safeText, wrap } from '../render/safe-text.js';
import { plain, type Theme } from '../render/theme.js';
import type { ConversationSummary } from './conversation-summary.js';
import type { Output } from './output.js';
import type { Totals } from './summary.js';

export interface Stats extends Totals {
  readonly conversations: Iterable<ConversationSummary>;
}

/** Prints the statistics, waiting whenever the output is full. */
export async function showStats(stats: Stats, output: Output): Promise<void> {
  for (const line of statsLines(stats, output.theme)) {
    output.line(line);
    if (output.full) await output.flush();
  }
}

export function* statsLines({ conversations, packets, pdus, notes }: Stats, theme: Theme = plain): Generator<string> {
  let count = 0;
  for (const conversation of conversations) {
    count += 1;
    yield* conversationLines(conversation, theme);
    yield '';
  }
  for (const note of notes) yield* noteLines(note, '', theme);
  yield `${plural(packets, 'packet')}, ${plural(count, 'conversation')}, ${plural(pdus, 'PDU')}`;
}

function plural(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Columns; fits a terminal of 80. */
const WIDTH = 78;

function* conversationLines(conversation: ConversationSummary, theme: Theme): Generator<string> {
  const { connection, transport, client, gateway, counts, dataBytes, keepAlives, notes, notesLeftOut } = conversation;
  const ends = client === null ? '' : `  ${client} → ${gateway}`;
  yield theme.title(`connection ${connection}  ${transport}${ends}`);
  const row = (name: string, value: string): string => `  ${theme.name(name.padEnd(12))} ${value}`;
  if (transport !== 'hex') for (const [name, value] of carrierRows(conversation)) yield row(name, value);
  if (conversation.user !== null) yield row('user', safeText(conversation.user));
  if (conversation.clientName !== null) yield row('client name', safeText(conversation.clientName));
  yield row('target', conversation.target === null ? 'none asked for' : safeText(conversation.target));
  if (transport !== 'hex') yield row('durations', durations(conversation));
  for (const direction of DIRECTIONS) {
    const types = Object.entries(counts[direction]).map(([type, count]) => `${short(Number(type))} ${count}`);
    yield row(direction === 'client-to-server' ? 'client' : 'gateway', `${dataBytes[direction]} bytes of data`);
    if (types.length > 0) yield* wrapped(types, 15);
  }
  yield row('keep-alives', perSide(keepAlives));
  if (transport !== 'hex') {
    yield row('gaps', perSide(conversation.gaps));
    yield row('end', endText(conversation.end));
  }
  for (const note of notes) yield* noteLines(note, '  ', theme);
  if (notesLeftOut > 0) yield `  and ${notesLeftOut} more notes`;
}

const DIRECTIONS = ['client-to-server', 'server-to-client'] as const;

function* carrierRows({ start, sawSyn, tls, authSchemes }: ConversationSummary): Generator<readonly [string, string]> {
  yield ['started', `${start}${sawSyn ? '' : '  (its SYN was not captured)'}`];
  const facts = tls === null ? ['none'] : [tls.version, tls.cipher, safeText(tls.sni ?? '')];
  yield ['TLS', facts.filter(Boolean).join('  ')];
  yield ['auth', authSchemes.map((scheme) => safeText(scheme)).join(', ') || 'none'];
}

function durations({ seconds }: ConversationSummary): string {
  const time = (value: number | null): string => (value === null ? 'never' : `${value.toFixed(3)} s`);
  return `channel ${time(seconds.toChannel)}, first data ${time(seconds.toFirstData)}, end ${time(seconds.toEnd)}`;
}

function perSide(counts: ConversationSummary['gaps']): string {
  return `client ${counts['client-to-server']}, gateway ${counts['server-to-client']}`;
}

function noteLines({ severity, text, code }: Note, indent: string, theme: Theme): string[] {
  const lines = wrap(`${severity}: ${safeText(text)} (${code})`, WIDTH - 4);
  return lines.map((line, index) => `${indent}${index === 0 ? '' : '  '}${theme[severity](line)}`);
}

function endText(how: ConversationSummary['end']): string {
  if (how === null) return 'not seen';
  return `client: ${how['client-to-server'] ?? 'not seen'}, gateway: ${how['server-to-client'] ?? 'not seen'}`;
}

function short(type: number): string {
  return packetName(type).replace('PKT_TYPE_', '');
}

function* wrapped(items: readonly string[], indent: number): Generator<string> {
  let line = '';
  for (const item of items) {
    if (line !== '' && indent + line.length + item.length + 2 > WIDTH) {
      yield `${' '.repeat(indent)}${line},`;
      line = '';
    }
    line = line === '' ? item : `${line}, ${item}`;
  }
  if (line !== '') yield `${' '.repeat(indent)}${line}`;
}
