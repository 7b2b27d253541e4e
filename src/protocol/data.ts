/**
 * Fast encoding and decoding of DATA PDUs, which carry nearly all traffic, without building field objects. The offsets
 * are derived from the table in `packets.ts`.
 */

import { headerField, peekHeader } from './codec.js';
import { PKT_TYPE } from './codes.js';
import { PduError } from './errors.js';
import { MAX_COUNTED_BYTES } from './field-kinds.js';
import { Joined } from './joined-bytes.js';
import { DATA, dissect } from './packets.js';

/** An empty DATA PDU: the header of every DATA PDU, before its two lengths are set. */
const TEMPLATE = DATA.encode({ data: Buffer.alloc(0) });

const EMPTY = Buffer.alloc(0);

/** Number of bytes before the payload of a DATA PDU: the common header and `cbDataLen`, 10 bytes. */
export const DATA_OVERHEAD = TEMPLATE.length;
const COUNT_OFFSET = dissect(TEMPLATE).children?.find(({ name }) => name === 'cbDataLen')?.offset ?? 0;
const LENGTH_OFFSET = headerField('packetLength').offset;
const TYPE_OFFSET = headerField('packetType').offset;

/**
 * Largest payload of a DATA PDU that `wrapData` makes: 16 KiB, as Windows does. Larger ones are legal but untested with
 * mstsc.
 */
export const DATA_PAYLOAD = 16 * 1024;

/** Largest DATA PDU in bytes: DATA_OVERHEAD and a payload of MAX_COUNTED_BYTES. */
export const MAX_DATA_PDU = DATA_OVERHEAD + MAX_COUNTED_BYTES;

/**
 * Writes the header of a DATA PDU, DATA_OVERHEAD bytes, to `to` at offset `at`. `length` is the length of the payload
 * in bytes, at most MAX_COUNTED_BYTES.
 */
export function writeDataHeader(to: Buffer, at: number, length: number): void {
  TEMPLATE.copy(to, at);
  to.writeUInt32LE(DATA_OVERHEAD + length, at + LENGTH_OFFSET);
  to.writeUInt16LE(length, at + COUNT_OFFSET);
}

/** Splits `payload` into DATA PDUs of at most DATA_PAYLOAD payload bytes and calls `emit` with each, in order. */
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
 * Extracts the payload from a stream of DATA PDUs as it arrives. It does not wait for whole PDUs, and returns the
 * payload of all PDUs in one chunk as one view.
 */
export class DataUnwrapper {
  /**
   * Bytes that the current PDU still lacks: of its payload, and of the bytes behind it (a count may be below the rest).
   */
  #payload = 0;
  #trailing = 0;

  /** Whether the last chunk ended inside a DATA PDU. */
  get insidePdu(): boolean {
    return this.#payload + this.#trailing > 0;
  }

  /**
   * Whether `unwrap` can process the start of `bytes`. This is false for a malformed DATA PDU too, so that the framer
   * and the tables report its error.
   */
  canUnwrap(bytes: Buffer): boolean {
    return this.insidePdu || payloadAt(bytes, 0) !== undefined;
  }

  /**
   * Joins the payload of `bytes` in place, overwriting them, up to the first PDU that is not DATA, is malformed, or
   * whose header is incomplete. `rest` starts with that PDU. Both results are views of `bytes`.
   */
  unwrap(bytes: Buffer): { readonly payload: Buffer; readonly rest: Buffer } {
    const joined = new Joined(bytes);
    let at = 0;
    for (;;) {
      const end = Math.min(bytes.length, at + this.#payload);
      joined.add(at, end);
      this.#payload -= end - at;
      at = Math.min(bytes.length, end + this.#trailing);
      this.#trailing -= at - end;
      const next = this.insidePdu ? undefined : payloadAt(bytes, at);
      if (next === undefined) return { payload: joined.take(), rest: at === bytes.length ? EMPTY : bytes.subarray(at) };
      this.#payload = next;
      this.#trailing = bytes.readUInt32LE(at + LENGTH_OFFSET) - DATA_OVERHEAD - next;
      at += DATA_OVERHEAD;
    }
  }
}

/**
 * Payload length of the DATA PDU at `at`, undefined if its header is incomplete or it is not a well-formed DATA PDU.
 */
function payloadAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < DATA_OVERHEAD || bytes.readUInt16LE(at + TYPE_OFFSET) !== PKT_TYPE.DATA) return undefined;
  const length = bytes.readUInt32LE(at + LENGTH_OFFSET);
  const count = bytes.readUInt16LE(at + COUNT_OFFSET);
  return length <= MAX_DATA_PDU && DATA_OVERHEAD + count <= length ? count : undefined;
}

/** Reports whether `pdu`, a whole PDU, is a DATA PDU. */
export function isData(pdu: Buffer): boolean {
  return pdu.readUInt16LE(TYPE_OFFSET) === PKT_TYPE.DATA;
}

/**
 * Reports whether a DATA PDU with consistent lengths starts at `offset`, or undefined while there are too few bytes to
 * decide. Random bytes match with a probability of about 2^-60.
 */
export function startsData(bytes: Buffer, offset = 0): boolean | undefined {
  const header = peekHeader(bytes, offset);
  if (header && (header.packetType !== PKT_TYPE.DATA || header.reserved !== 0)) return false;
  if (!header || bytes.length - offset < DATA_OVERHEAD) return undefined;
  return header.packetLength === DATA_OVERHEAD + bytes.readUInt16LE(offset + COUNT_OFFSET);
}

/**
 * Returns the payload of a whole DATA PDU as a view. If `cbDataLen` is below the number of bytes present, only as many
 * are returned; if it is above, a `PduError` is thrown.
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
