/** The fields of a PDU as a flat object, named as in the specification. */
import { HEADER_LENGTH, PKT_TYPE, type Span } from '../protocol/index.js';

export type FieldValue = number | string | readonly (number | string)[];

export interface FieldOptions {
  /** Includes DATA's payload. */
  readonly payload?: boolean;
  /** Includes the responses of NTLM, which can be cracked. */
  readonly secrets?: boolean;
}

const NTLM_AUTHENTICATE = Buffer.from('NTLMSSP\0\x03\0\0\0', 'latin1');

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

function isHidden(
  packetType: number,
  { name, value }: Span,
  { payload = false, secrets = false }: FieldOptions,
): boolean {
  if (packetType === PKT_TYPE.DATA && name === 'data') return !payload;
  return !secrets && name === 'authBlob' && Buffer.isBuffer(value) && value.includes(NTLM_AUTHENTICATE);
}
