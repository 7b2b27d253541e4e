/** Joins capture, protocol and render into what `rdgw decode` shows. */
import { parseHexText } from './capture/hextext.js';
import { dissect, packetName, packetOf, peekHeader, type Span } from './protocol/index.js';
import type { Theme } from './render/theme.js';
import { treeLines } from './render/tree.js';

export interface DecodedPdu {
  /** `PKT_TYPE_KEEPALIVE` */
  readonly name: string;
  readonly packetType: number | null;
  readonly length: number;
  /** Where MS-TSGU describes it; null for a type it does not know. */
  readonly section: string | null;
  readonly spans: readonly JsonSpan[];
  /** Why it could not be read to its end; null when it could. */
  readonly error: {
    readonly code: string;
    readonly field: string;
    readonly offset: number;
    readonly message: string;
  } | null;
}

export interface JsonSpan {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** Numbers as they are, 64-bit numbers in decimal text, bytes in hexadecimal text; null for a group. */
  readonly value: number | string | null;
  readonly text?: string;
  readonly children?: readonly JsonSpan[];
}

/** One PDU from hexadecimal text. Never throws for bytes, only a `Fault` for text that is no hexadecimal. */
export function decodeHex(text: string): { readonly pdu: DecodedPdu; lines(theme: Theme, width: number): string[] } {
  const bytes = parseHexText(text);
  const tree = dissect(bytes);
  const header = peekHeader(bytes);
  const table = header && packetOf(header.packetType);
  const name = header ? packetName(header.packetType) : 'no PDU';
  const section = table?.section ?? null;
  const pdu: DecodedPdu = {
    name,
    packetType: header?.packetType ?? null,
    length: bytes.length,
    section,
    spans: (tree.children ?? []).map(jsonSpan),
    error: tree.error ? errorOf(tree.error) : table ? null : UNKNOWN,
  };
  const title = table
    ? `${table.structure}  ${bytes.length} bytes  MS-TSGU ${section}`
    : `${name}  ${bytes.length} bytes`;
  return { pdu, lines: (theme, width) => [theme.title(title), ...treeLines(tree, { theme, width })] };
}

const UNKNOWN = { code: 'PDU_TYPE', field: 'packetType', offset: 0, message: 'MS-TSGU knows no such packet type' };

function errorOf({ code, field, offset, message }: NonNullable<Span['error']>): NonNullable<DecodedPdu['error']> {
  return { code, field, offset, message };
}

function jsonSpan({ name, offset, length, value, text, children }: Span): JsonSpan {
  return {
    name,
    offset,
    length,
    value: Buffer.isBuffer(value) ? value.toString('hex') : typeof value === 'bigint' ? String(value) : (value ?? null),
    ...(text === undefined ? {} : { text }),
    ...(children === undefined ? {} : { children: children.map(jsonSpan) }),
  };
}
