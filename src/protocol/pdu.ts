/** One PDU: the common header in front of its own rows, and what follows from them. */
import { type PacketType, packetName } from './codes.js';
import { Cursor, type Span } from './cursor.js';
import { PduError } from './errors.js';
import { code, type Decoded, type Encodable, type Rows, readRows, reserved16, u32, writeRows } from './field-kinds.js';

/** HTTP_PACKET_HEADER, 2.2.10.9; `packetLength` counts the whole PDU, these eight bytes included. */
const HEADER = { packetType: code(2, packetName), reserved: reserved16, packetLength: u32 };

/** Bytes of the common header. */
export const HEADER_LENGTH = writeRows(HEADER, { packetType: 0, packetLength: 0 }).length;

export interface Pdu<T extends PacketType, R extends Rows> {
  readonly type: T;
  /** The structure's name in the specification, `HTTP_TUNNEL_PACKET`. */
  readonly structure: string;
  /** Its section in MS-TSGU. */
  readonly section: string;
  readonly rows: R;
  /** The whole PDU, header included. Throws PduError when a value does not fit its row. */
  encode(fields: Encodable<R>): Buffer;
  /**
   * Whether the PDU reads to its last byte when its optional rows are taken in the order of their bits instead of the declared
   * one: the mistake of several implementations, which `dissect` alone cannot tell from other damage.
   */
  readsInBitOrder(bytes: Buffer): boolean;
}

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
  // Rows without a bit stand in front in every table; where the order is the same there is nothing to find out.
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

export interface Header {
  readonly packetType: number;
  /** Zero by the specification. */
  readonly reserved: number;
  /** In bytes, the header included; not yet checked against anything. */
  readonly packetLength: number;
}

/** The header of the PDU that starts at `offset`; undefined while fewer than eight bytes are there. */
export function peekHeader(bytes: Buffer, offset = 0): Header | undefined {
  if (bytes.length - offset < HEADER_LENGTH) return undefined;
  // Every PDU passes here, so nothing is made of the rows but their places.
  return {
    packetType: bytes.readUIntLE(offset + TYPE.offset, TYPE.length),
    reserved: bytes.readUIntLE(offset + RESERVED.offset, RESERVED.length),
    packetLength: bytes.readUIntLE(offset + LENGTH.offset, LENGTH.length),
  };
}

type Table = (type: number) => Pdu<PacketType, Rows> | undefined;

/**
 * Reads exactly one PDU. Strict about structure: a field cut short, an impossible count, a length that disagrees with the
 * bytes at hand throw PduError. Tolerant of reserved bits, unknown values and unknown bytes at the end.
 */
export function decodeWith(
  tableOf: Table,
  bytes: Buffer,
): { readonly type: PacketType; readonly fields: Decoded<Rows> } {
  const cursor = new Cursor(bytes, { trace: false });
  const { packetType, packetLength } = readRows(HEADER, cursor);
  if (packetLength !== bytes.length) throw lengthError(packetLength, bytes.length);
  const table = tableOf(packetType);
  if (!table) throw typeError(packetType);
  return { type: table.type, fields: readRows(table.rows, cursor) };
}

/**
 * The tree of named fields of one PDU, whatever the bytes are: its leaves tile the input exactly, and what could not be read
 * is a leaf that holds the unread bytes and the error. Never throws.
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

/** Where a field of the common header stands and how many bytes it has, read off its rows. */
export function headerField(name: keyof typeof HEADER): { readonly offset: number; readonly length: number } {
  const cursor = new Cursor(Buffer.alloc(HEADER_LENGTH), { trace: true });
  readRows(HEADER, cursor);
  return cursor.spans?.find((span) => span.name === name) ?? { offset: 0, length: 0 };
}

const TYPE = headerField('packetType');
const RESERVED = headerField('reserved');
const LENGTH = headerField('packetLength');
