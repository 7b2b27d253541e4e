/** Encoding, decoding and dissecting one PDU: the common header and the packet's own rows. */
import { type PacketType, packetName } from './codes.js';
import { Cursor, type Span } from './cursor.js';
import { PduError } from './errors.js';
import { code, type Decoded, type Encodable, type Rows, readRows, reserved16, u32, writeRows } from './field-kinds.js';

/** HTTP_PACKET_HEADER, 2.2.10.9; `packetLength` counts the whole PDU, including these eight bytes. */
const HEADER = { packetType: code(2, packetName), reserved: reserved16, packetLength: u32 };

/** Length of the common header in bytes: 8. */
export const HEADER_LENGTH = writeRows(HEADER, { packetType: 0, packetLength: 0 }).length;

/** The table of one packet type: its layout as rows, and an encoder. */
export interface Pdu<T extends PacketType, R extends Rows> {
  readonly type: T;
  /** Name of the structure in the specification, for example `HTTP_TUNNEL_PACKET`. */
  readonly structure: string;
  /** Section of MS-TSGU that defines the structure, for example `2.2.10.18`. */
  readonly section: string;
  /** The fields behind the common header, in the order of their bytes. */
  readonly rows: R;
  /** Encodes the whole PDU, including the header. Throws a `PduError` if a value does not fit its row. */
  encode(fields: Encodable<R>): Buffer;
  /**
   * Reports whether the PDU can be read to its last byte if its optional rows are taken in the order of their bits
   * instead of the declared order. Several implementations make this mistake, and `dissect` alone cannot tell it from
   * other damage.
   */
  readsInBitOrder(bytes: Buffer): boolean;
}

/** Builds the table of one packet type. */
export function pdu<T extends PacketType, R extends Rows>(
  type: T,
  structure: string,
  section: string,
  rows: R,
): Pdu<T, R> {
  return {
    type,
    structure,
    section,
    rows,
    encode: (fields) => {
      const body = writeRows(rows, fields);
      return Buffer.concat([writeRows(HEADER, { packetType: type, packetLength: HEADER_LENGTH + body.length }), body]);
    },
    readsInBitOrder: (bytes) => readsInBitOrder(rows, bytes),
  };
}

function readsInBitOrder(rows: Rows, bytes: Buffer): boolean {
  const entries = Object.entries(rows);
  const sorted = entries.toSorted(([, one], [, other]) => (one.bit ?? 0) - (other.bit ?? 0));
  // Rows without a bit come first in every table. If both orders are equal, this PDU cannot show the mistake.
  if (sorted.every(([name], index) => name === entries[index]?.[0])) return false;
  try {
    const cursor = new Cursor(bytes, { trace: false });
    readRows(HEADER, cursor);
    readRows(Object.fromEntries(sorted), cursor);
    return cursor.left === 0;
  } catch (error) {
    if (error instanceof PduError) return false;
    throw error;
  }
}

/** The common header, HTTP_PACKET_HEADER (2.2.10.9). */
export interface Header {
  readonly packetType: number;
  /** Zero according to the specification; ignored on receipt. */
  readonly reserved: number;
  /** Length of the PDU in bytes, including the header. Not validated. */
  readonly packetLength: number;
}

/** Reads the header of the PDU that starts at `offset`. Returns undefined if fewer than eight bytes are available. */
export function peekHeader(bytes: Buffer, offset = 0): Header | undefined {
  if (bytes.length - offset < HEADER_LENGTH) return undefined;
  // This runs for every PDU, so it uses the precomputed offsets instead of reading the rows.
  return {
    packetType: bytes.readUIntLE(offset + TYPE.offset, TYPE.length),
    reserved: bytes.readUIntLE(offset + RESERVED.offset, RESERVED.length),
    packetLength: bytes.readUIntLE(offset + LENGTH.offset, LENGTH.length),
  };
}

type Table = (type: number) => Pdu<PacketType, Rows> | undefined;

/**
 * Decodes exactly one PDU. Throws a `PduError` for a truncated field, an invalid count, length or text, an unknown
 * packet type, or a `packetLength` that differs from the length of `bytes`. Ignores reserved bits, unknown values and
 * trailing bytes.
 */
export function decodeWith(
  tableOf: Table,
  bytes: Buffer,
): { readonly type: PacketType; readonly fields: Decoded<Rows> } {
  const cursor = new Cursor(bytes, { trace: false });
  // Reading the rows of the header takes as long as all else for a small PDU, so they are only for the error.
  const { packetType, packetLength } = peekHeader(bytes) ?? readRows(HEADER, cursor);
  if (packetLength !== bytes.length) throw lengthError(packetLength, bytes.length);
  cursor.offset = HEADER_LENGTH;
  const table = tableOf(packetType);
  if (!table) throw typeError(packetType);
  return { type: table.type, fields: readRows(table.rows, cursor) };
}

/**
 * Returns the tree of named fields of one PDU for any input. The leaves tile the input exactly; bytes that cannot be
 * read become a leaf with the unread bytes and the error. Never throws.
 */
export function dissectWith(tableOf: Table, bytes: Buffer): Span {
  const cursor = new Cursor(bytes, { trace: true });
  const children = cursor.spans ?? [];
  let name = 'PDU';
  let error: PduError | undefined;
  try {
    const { packetType, packetLength } = readRows(HEADER, cursor);
    if (packetLength !== bytes.length) error = lengthError(packetLength, bytes.length);
    cursor.stopAt(packetLength);
    const table = tableOf(packetType);
    if (table) {
      name = table.structure;
      readRows(table.rows, cursor);
    } else {
      error ??= typeError(packetType);
    }
  } catch (thrown) {
    if (!(thrown instanceof PduError)) throw thrown;
    error = thrown;
  }
  if (cursor.offset < bytes.length) children.push(unread(bytes, cursor.offset, error));
  return { name, offset: 0, length: bytes.length, children, ...(error ? { error } : {}) };
}

function unread(bytes: Buffer, offset: number, error: PduError | undefined): Span {
  const rest = { offset, length: bytes.length - offset, value: bytes.subarray(offset) };
  return error ? { name: 'unread', ...rest, error } : { name: 'trailing', ...rest };
}

function lengthError(stated: number, actual: number): PduError {
  return new PduError('PDU_LENGTH', 'packetLength', LENGTH.offset, `says ${stated} bytes, the PDU has ${actual}`);
}

function typeError(packetType: number): PduError {
  return new PduError('PDU_TYPE', 'packetType', 0, `no packet has the type ${packetType}`);
}

/** Offset and length in bytes of a field of the common header, derived from its rows. */
export function headerField(name: keyof typeof HEADER): { readonly offset: number; readonly length: number } {
  const cursor = new Cursor(Buffer.alloc(HEADER_LENGTH), { trace: true });
  readRows(HEADER, cursor);
  return cursor.spans?.find((span) => span.name === name) ?? { offset: 0, length: 0 };
}

const TYPE = headerField('packetType');
const RESERVED = headerField('reserved');
const LENGTH = headerField('packetLength');
