/** The fields of a PDU as a flat object, named as in the specification. */
import { HEADER_LENGTH, PKT_TYPE, type Span } from '../protocol/index.js';

export type FieldValue = number | string | readonly (number | string)[];

export interface FieldOptions {
  /** Includes DATA's payload. */
  readonly payload?: boolean;
  /** Includes the responses of NTLM, which can be cracked. */
  readonly secrets?: boolean;
}

/** A challenge and what answers it. */
const NTLM_SECRETS = [2, 3].map((type) => Buffer.from(`NTLMSSP\0${String.fromCharCode(type)}\0\0\0`, 'latin1'));

/**
 * The fields behind the common header. Numbers as they are, 64-bit ones in decimal text, bytes in hexadecimal text, lists as
 * arrays. Left out: reserved bytes, DATA's payload and NTLM's response unless asked for, what could not be read.
 */
export function fieldsOf(packetType: number, tree: Span, options: FieldOptions = {}): Record<string, FieldValue> {
  const fields: Record<string, FieldValue> = {};
  for (const span of tree.children ?? []) {
    if (span.offset < HEADER_LENGTH || span.name === 'reserved' || span.error !== undefined) continue;
    // Of a shared type (a count and what it counts) the second part is the value.
    const value = textOf(span.children?.at(-1) ?? span);
    if (value === undefined || isHidden(packetType, span, options)) continue;
    const item = /^(\w+)\[\d+\]$/.exec(span.name);
    if (item?.[1] === undefined) fields[span.name] = value;
    else fields[item[1]] = [...((fields[item[1]] as (number | string)[] | undefined) ?? []), value];
  }
  return fields;
}

function textOf({ value }: Span): number | string | undefined {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  return typeof value === 'bigint' ? String(value) : value;
}

/** Whether a field is not shown unless asked for. What trails a packet goes the way of the field that it may have been part of. */
export function isHidden(
  packetType: number,
  { name, value }: Span,
  { payload = false, secrets = false }: FieldOptions,
): boolean {
  const isBlob = name === 'trailing' || name === 'unread';
  if (packetType === PKT_TYPE.DATA && (name === 'data' || isBlob)) return !payload;
  if (secrets || packetType !== PKT_TYPE.EXTENDED_AUTH_MSG || !Buffer.isBuffer(value)) return false;
  return isBlob || (name === 'authBlob' && NTLM_SECRETS.some((start) => value.includes(start)));
}
