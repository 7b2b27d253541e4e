/**
 * Arbitrary packets and hostile bytes, drawn from the rows of `packets.ts`: no layout is stated a second time here, so a
 * field that is added there is tested without a word.
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

/** The fifteen packet tables under their names. */
export const TABLES = Object.entries(PACKETS) as unknown as readonly (readonly [string, AnyPdu])[];

/** Values that `encode` takes, for any packet table. Rows under the same flag come together or not at all. */
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

/** A PDU whose two header fields are right and whose body is anything. */
export const anyBody: fc.Arbitrary<Buffer> = fc
  .tuple(fc.oneof(fc.constantFrom(...Object.values(PKT_TYPE)), fc.nat({ max: 0xffff })), blobOf(0, 96))
  .map(([type, body]) => withHeader(type, body));

/** Well-formed PDUs damaged in one place: a byte changed, cut short, or with bytes behind the end. */
export const damagedPdu: fc.Arbitrary<Buffer> = fc
  .tuple(anyPdu, fc.nat(), fc.nat({ max: 255 }), blobOf(1, 12))
  .chain(([pdu, where, byte, tail]) => {
    const at = where % pdu.length;
    const changed = Buffer.from(pdu);
    changed[at] = byte;
    const cut = pdu.subarray(0, at);
    return fc.constantFrom(
      changed,
      cut,
      // The header tells the truth about the cut: only the body's own counts are wrong now.
      cut.length < HEADER_LENGTH ? cut : withHeader(pdu.readUInt16LE(0), cut.subarray(HEADER_LENGTH)),
      Buffer.concat([pdu, tail]),
      withHeader(pdu.readUInt16LE(0), Buffer.concat([pdu.subarray(HEADER_LENGTH), tail])),
    );
  });

/** What a hostile peer may send in place of a PDU. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(blobOf(0, 64), anyBody, anyPdu, damagedPdu);

/** A whole PDU around any body; the header comes from a packet that has nothing but a header. */
export function withHeader(type: number, body: Buffer): Buffer {
  const pdu = Buffer.concat([PACKETS.KEEPALIVE.encode({}), body]);
  pdu.writeUInt16LE(type, 0);
  pdu.writeUInt32LE(pdu.length, HEADER_LENGTH - 4);
  return pdu;
}

/** Cuts `bytes` into chunks of 1 to `most` bytes. */
export function splits(bytes: Buffer, most = bytes.length): fc.Arbitrary<Buffer[]> {
  if (bytes.length === 0) return fc.constant([]);
  return fc.array(fc.integer({ min: 1, max: Math.max(1, most) }), { minLength: 1, maxLength: 64 }).map((sizes) => {
    const chunks: Buffer[] = [];
    for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] as number;
      chunks.push(bytes.subarray(offset, offset + size));
      offset += size;
    }
    return chunks;
  });
}

/** A table by its packet type; a type without one is a mistake of the test. */
export function tableOf(type: number): AnyPdu {
  const packet = packetOf(type);
  if (!packet) throw new Error(`no packet has the type ${type}`);
  return packet;
}

// biome-ignore lint/suspicious/noExplicitAny: as in `Rows`, each field keeps its own value type
type Row = readonly [string, Field<any, Role>];

function recordOf(rows: readonly Row[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(rows.map(([name, { shape }]) => [name, drawn(shape)])));
}

function drawn(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'uint':
      return fc.integer({ min: 0, max: 2 ** (8 * shape.bytes) - 1 });
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bytes':
      return blobOf(shape.length, shape.length);
    case 'blob':
      return often(blobOf(0, Math.min(48, shape.max)), Buffer.alloc(shape.max, 0xa5));
    case 'string':
      return often(textOf(shape.max), 'x'.repeat(longestText(shape.max)));
    case 'list':
      // Few of the entries are long, or one list could take megabytes.
      return fc
        .tuple(fc.array(itemOf(shape.of), { minLength: shape.min, maxLength: shape.max }), fc.boolean())
        .map(([items, full]) => (full && items.length > 0 ? repeated(items, shape.max) : items));
    case 'derived':
      throw new Error('a derived row has no value of its own');
  }
}

function itemOf(shape: Shape): fc.Arbitrary<unknown> {
  return shape.kind === 'string' ? textOf(shape.max) : drawn(shape);
}

/** Now and then the largest value: the bounds are where counts overflow. */
function often<T>(arbitrary: fc.Arbitrary<T>, largest: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary }, { weight: 1, arbitrary: fc.constant(largest) });
}

function blobOf(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
}

/** Any text without NUL that fits into `max` bytes of UTF-16LE with its terminator. */
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
