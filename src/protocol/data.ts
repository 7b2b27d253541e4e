/** DATA, the hot path: wrapped and unwrapped without objects. Offsets come from the table in `packets.ts`. */
import { PKT_TYPE } from './codes.js';
import { PduError } from './errors.js';
import { MAX_COUNTED_BYTES } from './field-kinds.js';
import { Joined } from './joined.js';
import { DATA, dissect } from './packets.js';
import { headerField, peekHeader } from './pdu.js';

/** An empty DATA PDU: the bytes in front of every payload, with both lengths still to be filled in. */
const TEMPLATE = DATA.encode({ data: Buffer.alloc(0) });

const NOTHING = Buffer.alloc(0);

/** Bytes in front of the payload of a DATA PDU. */
export const DATA_OVERHEAD = TEMPLATE.length;
const COUNT_OFFSET = dissect(TEMPLATE).children?.find(({ name }) => name === 'cbDataLen')?.offset ?? 0;
const LENGTH_OFFSET = headerField('packetLength').offset;
const TYPE_OFFSET = headerField('packetType').offset;

/**
 * Payload per DATA PDU that the gateway sends: 16 KiB, as Windows does; larger ones are legal and untested with mstsc.
 */
export const DATA_PAYLOAD = 16 * 1024;

/** Largest DATA PDU: its counted payload and what stands in front of it. */
export const MAX_DATA_PDU = DATA_OVERHEAD + MAX_COUNTED_BYTES;

/** Writes the DATA_OVERHEAD bytes in front of a payload of `length` bytes (at most MAX_COUNTED_BYTES) to `to`, from `at` on. */
export function writeDataHeader(to: Buffer, at: number, length: number): void {
  TEMPLATE.copy(to, at);
  to.writeUInt32LE(DATA_OVERHEAD + length, at + LENGTH_OFFSET);
  to.writeUInt16LE(length, at + COUNT_OFFSET);
}

/** Calls `emit` with whole DATA PDUs that carry `payload` in order, each of at most DATA_PAYLOAD bytes. */
export function wrapData(payload: Buffer, emit: (pdu: Buffer) => void): void {
  for (let offset = 0; offset < payload.length; offset += DATA_PAYLOAD) {
    const part = payload.subarray(offset, offset + DATA_PAYLOAD);
    const pdu = Buffer.allocUnsafe(DATA_OVERHEAD + part.length);
    writeDataHeader(pdu, 0, part.length);
    part.copy(pdu, DATA_OVERHEAD);
    emit(pdu);
  }
}

/**
 * Takes the payload out of a stream of DATA PDUs as it arrives: a PDU is not gathered, and what one chunk holds of several
 * becomes one view.
 */
export class DataUnwrapper {
  /** What the PDU under way still lacks: of its payload, and of what stands behind it (a count may lie below what is there). */
  #payload = 0;
  #behind = 0;

  /** Whether the stream stands within a DATA PDU. */
  get midway(): boolean {
    return this.#payload + this.#behind > 0;
  }

  /** Whether `unwrap` can begin with these bytes; false for an odd DATA PDU too, whose error the tables know. */
  begins(bytes: Buffer): boolean {
    return this.midway || payloadAt(bytes, 0) !== undefined;
  }

  /**
   * Joins the payload in place, and reads on to the first PDU that is not DATA, is odd, or whose header is not whole; what is
   * left from there on is `rest`. Both are views.
   */
  unwrap(bytes: Buffer): { readonly payload: Buffer; readonly rest: Buffer } {
    const joined = new Joined(bytes);
    let at = 0;
    for (;;) {
      const end = Math.min(bytes.length, at + this.#payload);
      joined.add(at, end);
      this.#payload -= end - at;
      at = Math.min(bytes.length, end + this.#behind);
      this.#behind -= at - end;
      const next = this.midway ? undefined : payloadAt(bytes, at);
      if (next === undefined)
        return { payload: joined.take(), rest: at === bytes.length ? NOTHING : bytes.subarray(at) };
      this.#payload = next;
      this.#behind = bytes.readUInt32LE(at + LENGTH_OFFSET) - DATA_OVERHEAD - next;
      at += DATA_OVERHEAD;
    }
  }
}

/** How much payload the DATA PDU has that begins at `at`; undefined without a whole header, or where this is not a DATA PDU in order. */
function payloadAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < DATA_OVERHEAD || bytes.readUInt16LE(at + TYPE_OFFSET) !== PKT_TYPE.DATA) return undefined;
  const length = bytes.readUInt32LE(at + LENGTH_OFFSET);
  const count = bytes.readUInt16LE(at + COUNT_OFFSET);
  return length <= MAX_DATA_PDU && DATA_OVERHEAD + count <= length ? count : undefined;
}

/** Whether a whole PDU is a DATA PDU. */
export function isData(pdu: Buffer): boolean {
  return pdu.readUInt16LE(TYPE_OFFSET) === PKT_TYPE.DATA;
}

/**
 * Whether a DATA PDU begins at `offset` whose two lengths agree; undefined while too few bytes are there to tell. Bytes that are
 * something else pass about once in 2^60.
 */
export function startsData(bytes: Buffer, offset = 0): boolean | undefined {
  const header = peekHeader(bytes, offset);
  if (header && (header.packetType !== PKT_TYPE.DATA || header.reserved !== 0)) return false;
  if (!header || bytes.length - offset < DATA_OVERHEAD) return undefined;
  return header.packetLength === DATA_OVERHEAD + bytes.readUInt16LE(offset + COUNT_OFFSET);
}

/**
 * The payload of a whole DATA PDU, as a view. A count below what is there is honoured, one above it throws PduError.
 */
export function dataPayload(pdu: Buffer): Buffer {
  need(pdu, 'cbDataLen', COUNT_OFFSET, DATA_OVERHEAD - COUNT_OFFSET);
  const length = pdu.readUInt16LE(COUNT_OFFSET);
  need(pdu, 'data', DATA_OVERHEAD, length);
  return pdu.subarray(DATA_OVERHEAD, DATA_OVERHEAD + length);
}

function need(pdu: Buffer, field: string, offset: number, length: number): void {
  const left = pdu.length - offset;
  if (length > left) throw new PduError('PDU_SHORT', field, offset, `needs ${length} bytes, ${left} are left`);
}
