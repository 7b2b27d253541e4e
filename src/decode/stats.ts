/** `--stats`: the summary as a few lines for each conversation. */
import type { Note } from '../capture/notes.js';
import { packetName } from '../protocol/index.js';
import { plain, type Theme } from '../render/theme.js';
import { safeText, wrap } from '../render/words.js';
import type { ConversationSummary, Summary } from './summary.js';

export function statsLines(summary: Summary, theme: Theme = plain): string[] {
  const lines = summary.conversations.flatMap((conversation) => [...conversationLines(conversation, theme), '']);
  for (const note of summary.notes) lines.push(...noteLines(note, '', theme));
  const many = (amount: number, word: string): string => `${amount} ${word}${amount === 1 ? '' : 's'}`;
  const { packets, pdus, conversations } = summary;
  return [...lines, `${many(packets, 'packet')}, ${many(conversations.length, 'conversation')}, ${many(pdus, 'PDU')}`];
}

/** Narrow enough for any terminal. */
const WIDTH = 78;

function* conversationLines(conversation: ConversationSummary, theme: Theme): Generator<string> {
  const { connection, transport, client, gateway, counts, dataBytes, keepAlives, gaps, notes, seconds, end } =
    conversation;
  yield theme.title(`connection ${connection}  ${transport}  ${client} → ${gateway}`);
  const row = (name: string, value: string): string => `  ${theme.name(name.padEnd(12))} ${value}`;
  const tls = conversation.tls as { version?: string; cipher?: string; sni?: string } | null;
  yield row('started', `${conversation.start}${conversation.sawSyn ? '' : '  (its SYN was not captured)'}`);
  yield row(
    'TLS',
    tls === null ? 'none' : [tls.version, tls.cipher, safeText(tls.sni ?? '')].filter(Boolean).join('  '),
  );
  yield row('auth', (conversation.authSchemes as string[]).map((scheme) => safeText(scheme)).join(', ') || 'none');
  if (conversation.user !== null) yield row('user', safeText(String(conversation.user)));
  if (conversation.clientName !== null) yield row('client name', safeText(String(conversation.clientName)));
  yield row('target', conversation.target === null ? 'none asked for' : safeText(String(conversation.target)));
  const took = seconds as { toChannel: number | null; toFirstData: number | null; toEnd: number | null };
  const time = (value: number | null): string => (value === null ? 'never' : `${value.toFixed(3)} s`);
  yield row(
    'durations',
    `channel ${time(took.toChannel)}, first data ${time(took.toFirstData)}, end ${time(took.toEnd)}`,
  );
  for (const direction of ['client-to-server', 'server-to-client'] as const) {
    const types = Object.entries(counts[direction]).map(([type, count]) => `${short(Number(type))} ${count}`);
    yield row(direction === 'client-to-server' ? 'client' : 'gateway', `${dataBytes[direction]} bytes of data`);
    if (types.length > 0) yield* wrapped(types, 15);
  }
  const alive = keepAlives as Record<string, number>;
  const lost = gaps as Record<string, number>;
  yield row('keep-alives', `client ${alive['client-to-server']}, gateway ${alive['server-to-client']}`);
  yield row('gaps', `client ${lost['client-to-server']}, gateway ${lost['server-to-client']}`);
  yield row('end', endText(end));
  for (const note of notes as Summary['notes']) yield* noteLines(note, '  ', theme);
  if (Number(conversation.notesLeftOut) > 0) yield `  and ${conversation.notesLeftOut} more remarks`;
}

function noteLines({ severity, text, code }: Note, indent: string, theme: Theme): string[] {
  const lines = wrap(`${severity}: ${safeText(text)} (${code})`, WIDTH - 4);
  return lines.map((line, index) => `${indent}${index === 0 ? '' : '  '}${theme[severity](line)}`);
}

function endText(end: unknown): string {
  const how = end as Record<string, string> | null;
  if (how === null) return 'not seen';
  return `client: ${how['client-to-server'] ?? 'not seen'}, gateway: ${how['server-to-client'] ?? 'not seen'}`;
}

function short(type: number): string {
  return packetName(type).replace('PKT_TYPE_', '');
}

function* wrapped(words: readonly string[], indent: number): Generator<string> {
  let line = '';
  for (const word of words) {
    if (line !== '' && indent + line.length + word.length + 2 > WIDTH) {
      yield `${' '.repeat(indent)}${line},`;
      line = '';
    }
    line = line === '' ? word : `${line}, ${word}`;
  }
  if (line !== '') yield `${' '.repeat(indent)}${line}`;
}
