/**
 * `--filter`: selects the events that are shown. Terms are separated by white space, and an event must match all of
 * them. A term is KEY=VALUE[,VALUE…], which matches any of the values, or KEY!=VALUE[,VALUE…], which matches none of
 * them. Keys:
 * - `type`: a packet's name with or without PKT_TYPE_, its number, or the kind of an event (http, auth, gap, note, end,
 *   connection, pdu, inner)
 * - `direction`: the sender, client or server
 * - `connection`: a number
 * - `status`: a result code or its name
 * - `note`: a code, or the severity error, warning, note
 */
import type { DecodeEvent } from '../capture/dissection.js';
import { NOTES, type Note } from '../capture/notes.js';
import { Fault } from '../fault.js';
import { explainResult, PKT_TYPE, RESULT, resultOf } from '../protocol/index.js';
import { frameCode } from './json.js';

/** An event of a capture, or the parts of one that packets given as text have. */
export type FilteredEvent =
  | DecodeEvent
  | { readonly type: 'pdu'; readonly conversation: { readonly number: number }; readonly pdu: FilteredPdu }
  | {
      readonly type: 'note';
      readonly conversation: { readonly number: number };
      readonly direction: undefined;
      readonly note: Note;
    };
type FilteredPdu = Pick<Extract<DecodeEvent, { type: 'pdu' }>['pdu'], 'direction' | 'packetType' | 'packet' | 'notes'>;

export type Filter = (event: FilteredEvent) => boolean;

const KEYS = ['type', 'direction', 'connection', 'status', 'note'] as const;
type Key = (typeof KEYS)[number];
const KINDS: readonly string[] = ['http', 'auth', 'gap', 'note', 'end', 'connection', 'pdu', 'inner'];
const SEVERITIES: readonly string[] = ['error', 'warning', 'note'];
const RESULT_NAMES: readonly string[] = Object.keys(RESULT).map((name) => name.toLowerCase());
const MAX_TERMS = 32;

/** Parses a filter of 1 to 32 terms. Throws a `Fault` of kind `usage` (`FILTER_INVALID`). */
export function parseFilter(text: string): Filter {
  const terms = text.trim().split(/\s+/).filter(Boolean);
  if (terms.length === 0 || terms.length > MAX_TERMS) throw invalidFilter(`a filter must have 1 to ${MAX_TERMS} terms`);
  const tests = terms.map(parseTerm);
  return (event) => tests.every((test) => test(event));
}

function parseTerm(term: string): Filter {
  const [, key = '', not = '', list = ''] = /^(\w+)(!?)=(.+)$/.exec(term) ?? [];
  if (!isKey(key))
    throw invalidFilter(`invalid term ${JSON.stringify(term.slice(0, 40))}; keys are ${KEYS.join(', ')}`);
  const values = list.split(',').map((value) => value.toLowerCase());
  for (const value of values) checkValue(key, value);
  return (event) => values.some((value) => MATCH[key](event, value)) === (not === '');
}

const MATCH: Readonly<Record<Key, (event: FilteredEvent, value: string) => boolean>> = {
  type: (event, value) => {
    if (value === kindOf(event)) return true;
    if (event.type !== 'pdu') return false;
    return value === 'pdu' || typeNumber(value) === event.pdu.packetType;
  },
  direction: (event, value) => senderOf(event) === value,
  connection: (event, value) => event.conversation?.number === Number(value),
  status: (event, value) => {
    if (event.type !== 'pdu' || event.pdu.packet === undefined || !hasResult(event.pdu.packet)) return false;
    const code = resultOf(event.pdu.packet);
    return explainResult(code).name.toLowerCase() === value || code === Number(value);
  },
  note: (event, value) =>
    notesOf(event).some(({ code, severity }) => code.toLowerCase() === value || severity === value),
};

function checkValue(key: Key, value: string): void {
  if (key === 'type' && !KINDS.includes(value) && typeNumber(value) === undefined)
    throw invalidFilter(`unknown type ${JSON.stringify(value)}`);
  if (key === 'direction' && value !== 'client' && value !== 'server')
    throw invalidFilter('direction must be client or server');
  if (key === 'connection' && !/^\d{1,9}$/.test(value)) throw invalidFilter('connection must be a number');
  if (key === 'status' && !isStatus(value)) throw invalidFilter(`unknown status ${JSON.stringify(value)}`);
  if (key === 'note' && !isNote(value)) throw invalidFilter(`unknown note ${JSON.stringify(value)}`);
}

function typeNumber(value: string): number | undefined {
  const name = value.replace(/^pkt_type_/, '').toUpperCase();
  if (Object.hasOwn(PKT_TYPE, name)) return PKT_TYPE[name as keyof typeof PKT_TYPE];
  const number = Number(value);
  return Number.isInteger(number) && value !== '' ? number : undefined;
}

function isStatus(value: string): boolean {
  return (value !== '' && Number.isInteger(Number(value))) || RESULT_NAMES.includes(value);
}

/** Accepts severities, the codes of NOTES, and codes of the capture pipeline, which all contain an underscore. */
function isNote(value: string): boolean {
  return SEVERITIES.includes(value) || Object.hasOwn(NOTES, value.toUpperCase()) || /^[a-z]+_\w+$/.test(value);
}

function kindOf(event: FilteredEvent): string {
  if (event.type === 'request' || event.type === 'response') return 'http';
  return event.type === 'frame' ? 'note' : event.type;
}

function senderOf(event: FilteredEvent): string | undefined {
  const direction = event.type === 'pdu' ? event.pdu.direction : 'direction' in event ? event.direction : undefined;
  if (direction !== undefined) return direction === 'client-to-server' ? 'client' : 'server';
  if (event.type === 'request') return 'client';
  if (event.type === 'response') return 'server';
  return event.type === 'auth' || event.type === 'frame' ? event.event.from : undefined;
}

function notesOf(event: FilteredEvent): readonly Pick<Note, 'code' | 'severity'>[] {
  if (event.type === 'pdu') return event.pdu.notes;
  if (event.type === 'frame') return [{ code: frameCode(event.event), severity: 'note' }];
  return event.type === 'note' ? [event.note] : [];
}

function hasResult(packet: { readonly fields: object }): boolean {
  return 'errorCode' in packet.fields || 'statusCode' in packet.fields;
}

function isKey(key: string): key is Key {
  return (KEYS as readonly string[]).includes(key);
}

function invalidFilter(message: string): Fault {
  const hint = 'for example --filter "type!=data connection=1", or --filter note=error';
  return new Fault({ kind: 'usage', code: 'FILTER_INVALID', message, place: '--filter', hint });
}
