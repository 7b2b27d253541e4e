/** Checks of one PDU that do not depend on the PDUs before it. */

import { RESULT_ROWS } from '../../explain/results.js';
import {
  decode,
  dissect,
  explainResult,
  type Packet,
  PduError,
  PKT_TYPE,
  packetOf,
  peekHeader,
  type ResultName,
  resultHex,
  resultOf,
  type Span,
  TUNNEL_RESPONSE_FIELD,
} from '../../protocol/index.js';
import { type Note, note } from '../notes.js';

export interface CheckedPdu {
  /** Undefined where the PDU is malformed or its type is unknown. */
  readonly packet: Packet | undefined;
  readonly tree: Span;
  readonly notes: readonly Note[];
}

/** The response PDUs, whose codes must have their top bit set. */
const RESPONSES: readonly number[] = [
  PKT_TYPE.HANDSHAKE_RESPONSE,
  PKT_TYPE.TUNNEL_RESPONSE,
  PKT_TYPE.TUNNEL_AUTH_RESPONSE,
  PKT_TYPE.CHANNEL_RESPONSE,
  PKT_TYPE.EXTENDED_AUTH_MSG,
];
const TOP_BIT = 0x80000000;

export function checkPdu(bytes: Buffer): CheckedPdu {
  const tree = dissect(bytes);
  const packet = decoded(bytes);
  const leaves = [...leavesOf(tree)];
  const notes = [
    ...layoutNotes(bytes, tree, leaves),
    ...reservedNotes(leaves),
    ...(packet === undefined ? [] : [...resultNotes(packet), ...fieldNotes(packet, leaves)]),
  ];
  return { packet, tree, notes };
}

function decoded(bytes: Buffer): Packet | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof PduError) return undefined;
    throw error;
  }
}

export function* leavesOf(span: Span): Generator<Span> {
  if (span.children === undefined) yield span;
  else for (const child of span.children) yield* leavesOf(child);
}

function* layoutNotes(bytes: Buffer, tree: Span, leaves: readonly Span[]): Generator<Note> {
  if (tree.error?.code === 'PDU_TYPE') return yield note('PDU_UNKNOWN_TYPE');
  const trailing = leaves.find(({ name }) => name === 'trailing');
  if ((tree.error || trailing) && inBitOrder(bytes)) yield note('OPTIONAL_ORDER');
  else if (tree.error) yield note('PDU_MALFORMED', tree.error.message);
  else if (trailing) yield note('PDU_TRAILING', `${trailing.length} bytes`);
}

/** Whether the PDU is valid when its optional fields are read in the order of their bits. */
function inBitOrder(bytes: Buffer): boolean {
  return packetOf(peekHeader(bytes)?.packetType ?? -1)?.readsInBitOrder(bytes) ?? false;
}

function* reservedNotes(leaves: readonly Span[]): Generator<Note> {
  const set = leaves.filter(({ name, value }) => name === 'reserved' && value !== 0);
  if (set.length > 0) yield note('RESERVED_BITS', set.map(({ offset }) => `at byte ${offset}`).join(', '));
  for (const { name, text } of leaves) {
    // `dissect` shows a flag without a name as a number, alone or after the named ones.
    if (text !== undefined && /(?:^|\| )0x[0-9a-f]+$/.test(text)) yield note('UNKNOWN_FLAGS', `${name} ${text}`);
  }
}

function* resultNotes(packet: Packet): Generator<Note> {
  const code = resultOf(packet);
  if (code === 0) return;
  const { name, description } = explainResult(code);
  const label = `${name} ${resultHex(code)}, ${description}${likely(name)}`;
  if (!RESPONSES.includes(packet.type)) return yield note('CLOSE_CODE', label);
  yield note('STATUS', label);
  if (code < TOP_BIT) yield note('LOW_FORM_CODE', resultHex(code));
}

/** The first cause and its fix from the table of `rdgw explain`. */
function likely(name: string): string {
  const row = Object.hasOwn(RESULT_ROWS, name) ? RESULT_ROWS[name as ResultName] : undefined;
  const first = row?.causes[0];
  return first === undefined ? '' : `. Likely: ${first.cause} ${first.fix}`.replace(/\.$/, '');
}

function* fieldNotes(packet: Packet, leaves: readonly Span[]): Generator<Note> {
  if (packet.type === PKT_TYPE.TUNNEL_RESPONSE && (packet.fields.fieldsPresent & TUNNEL_RESPONSE_FIELD.SOH_REQ) !== 0) {
    yield note('SOH_REQ');
  }
  const last = leaves.at(-1);
  if (last?.name === 'str' && last.length === 0) yield note('EMPTY_STRING');
}
