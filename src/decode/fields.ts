/** The fields of a PDU as a flat object, with the names of the specification. */
import { HEADER_LENGTH, type Span } from '../protocol/index.js';
import { type RedactOptions, redacted } from './redact.js';

export type FieldValue = number | string | readonly (number | string)[];

/**
 * The fields after the common header. Numbers are numbers, 64-bit numbers decimal text, bytes hexadecimal text and
 * lists arrays. Reserved bytes, unreadable fields and redacted values are left out.
 */
export function fieldsOf(packetType: number, tree: Span, options: RedactOptions = {}): Record<string, FieldValue> {
  const fields: Record<string, FieldValue> = {};
  for (const span of redacted(packetType, tree, options).children ?? []) {
    if (span.offset < HEADER_LENGTH || span.name === 'reserved' || span.error !== undefined) continue;
    // A shared type has two parts, a length and a value.
    const value = textOf(span.children?.at(-1) ?? span);
    if (value === undefined) continue;
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
