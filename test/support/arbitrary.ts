/**
 * fast-check arbitraries of packets and hostile bytes. They are derived from the rows of `packets.ts`, so a field that
 * is added there is tested without a change here.
 */
import fc from 'fast-check';
import {
  type Encodable,
  type Field,
  HEADER_LENGTH,
  PACKETS,
  type Pdu,
  PKT_TYPE,
  packetOf,
  type Role,
  type Rows,
  type Shape,
} from '../../src/protocol/index.js';

export type AnyPdu = Pdu<(typeof PKT_TYPE)[keyof typeof PKT_TYPE], Rows>;

/** The fifteen packet tables with their names. */
export const TABLES = Object.entries(PACKETS) as unknown as readonly (readonly [string, AnyPdu])[];

/**
 * Values that `encode` accepts, for any packet table. Rows under the same flag are present together or absent together.
 */
export function fieldsOf<R extends Rows>(packet: { readonly rows: R }): fc.Arbitrary<Encodable<R>> {
  const rows = Object.entries(packet.rows);
  const given = rows.filter(([, field]) => field.role === 'given');
  const groups = [...new Set(rows.flatMap(([, { bit }]) => bit ?? []))].map((bit) =>
    fc.option(recordOf(rows.filter(([, field]) => field.bit === bit)), { nil: {} }),
  );
  return fc.tuple(recordOf(given), ...groups).map((parts) => Object.assign({}, ...parts) as Encodable<R>);
}

/** The bytes of a well-formed PDU of any type. */
export const anyPdu: fc.Arbitrary<Buffer> = fc
  .constantFrom(...TABLES)
  .chain(([, packet]) => fieldsOf(packet).map((fields) => packet.encode(fields)));

/** A PDU with correct header fields and arbitrary bytes as its body. */
export const anyBody: fc.Arbitrary<Buffer> = fc
  .tuple(fc.oneof(fc.constantFrom(...Object.values(PKT_TYPE)), fc.nat({ max: 0xffff })), blobOf(0, 96))
  .map(([type, body]) => withHeader(type, body));

/** A well-formed PDU with one defect: a changed byte, a truncated end, or additional bytes at the end. */
export const damagedPdu: fc.Arbitrary<Buffer> = fc
  .tuple(anyPdu, fc.nat(), fc.nat({ max: 255 }), blobOf(1, 12))
  .chain(([pdu, position, byte, tail]) => {
    const at = position % pdu.length;
    const changed = Buffer.from(pdu);
    changed[at] = byte;
    const truncated = pdu.subarray(0, at);
    return fc.constantFrom(
      changed,
      truncated,
      // The packetLength matches the truncated PDU, so that only the counts inside the body are wrong.
      truncated.length < HEADER_LENGTH ? truncated : withHeader(pdu.readUInt16LE(0), truncated.subarray(HEADER_LENGTH)),
      Buffer.concat([pdu, tail]),
      withHeader(pdu.readUInt16LE(0), Buffer.concat([pdu.subarray(HEADER_LENGTH), tail])),
    );
  });

/** Bytes that a hostile peer may send in place of a PDU. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(blobOf(0, 64), anyBody, anyPdu, damagedPdu);

/** A PDU with this type and body. The header is taken from KEEPALIVE, which has no body. */
export function withHeader(type: number, body: Buffer): Buffer {
  const pdu = Buffer.concat([PACKETS.KEEPALIVE.encode({}), body]);
  pdu.writeUInt16LE(type, 0);
  pdu.writeUInt32LE(pdu.length, HEADER_LENGTH - 4);
  return pdu;
}

/** Splits `bytes` into chunks of 1 to `most` bytes. */
export function splits(bytes: Buffer, most = bytes.length): fc.Arbitrary<Buffer[]> {
  if (bytes.length === 0) return fc.constant([]);
  return fc.array(fc.integer({ min: 1, max: Math.max(1, most) }), { minLength: 1, maxLength: 64 }).map((sizes) => {
    const chunks: Buffer[] = [];
    for (let offset = 0, index = 0; offset < bytes.length; index++) {
      const size = sizes[index % sizes.length] as number;
      chunks.push(bytes.subarray(offset, offset + size));
      offset += size;
    }
    return chunks;
  });
}

/** The table of a packet type. Throws if there is none. */
export function tableOf(type: number): AnyPdu {
  const packet = packetOf(type);
  if (!packet) throw new Error(`no packet has the type ${type}`);
  return packet;
}

// biome-ignore lint/suspicious/noExplicitAny: as in `Rows`, each field keeps its own value type
type Row = readonly [string, Field<any, Role>];

function recordOf(rows: readonly Row[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(rows.map(([name, { shape }]) => [name, arbitraryOf(shape)])));
}

function arbitraryOf(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'uint':
      return fc.integer({ min: 0, max: 2 ** (8 * shape.bytes) - 1 });
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bytes':
      return blobOf(shape.length, shape.length);
    case 'blob':
      return sometimesLargest(blobOf(0, Math.min(48, shape.max)), Buffer.alloc(shape.max, 0xa5));
    case 'string':
      return sometimesLargest(textOf(shape.max), 'x'.repeat(longestText(shape.max)));
    case 'list':
      // `itemOf` makes only short entries, because a full list of long ones could take megabytes.
      return fc
        .tuple(fc.array(itemOf(shape.of), { minLength: shape.min, maxLength: shape.max }), fc.boolean())
        .map(([items, full]) => (full && items.length > 0 ? repeated(items, shape.max) : items));
    case 'derived':
      throw new Error('a derived row has no value of its own');
  }
}

function itemOf(shape: Shape): fc.Arbitrary<unknown> {
  return shape.kind === 'string' ? textOf(shape.max) : arbitraryOf(shape);
}

/** Includes the largest value in one of 16 cases, because lengths and counts overflow at the limits. */
function sometimesLargest<T>(arbitrary: fc.Arbitrary<T>, largest: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary }, { weight: 1, arbitrary: fc.constant(largest) });
}

function blobOf(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
}

/** Any text without NUL that fits with its terminator into `max` bytes of UTF-16LE. */
function textOf(max: number): fc.Arbitrary<string> {
  const maxLength = Math.min(24, Math.floor(longestText(max) / 2));
  return fc.string({ unit: 'binary', maxLength }).map((text) => text.replaceAll('\0', ''));
}

function longestText(max: number): number {
  return Math.floor(max / 2) - 1;
}

function repeated<T>(items: readonly T[], length: number): T[] {
  return Array.from({ length }, (_, index) => items[index % items.length] as T);
}
