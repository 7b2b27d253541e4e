/** DATA, the hot path: wrapped and unwrapped without objects. Offsets come from the table in `packets.ts`. */
import { PKT_TYPE } from './codes.js';
import { PduError } from './errors.js';
import { DATA, dissect } from './packets.js';
import { headerField, peekHeader } from './pdu.js';

/** An empty DATA PDU: the bytes in front of every payload, with both lengths still to be filled in. */
const TEMPLATE = DATA.encode({ data: Buffer.alloc(0) });

/** Bytes in front of the payload of a DATA PDU. */
export const DATA_OVERHEAD = TEMPLATE.length;
const COUNT_OFFSET = dissect(TEMPLATE).children?.find(({ name }) => name === 'cbDataLen')?.offset ?? 0;
const LENGTH_OFFSET = headerField('packetLength').offset;
const TYPE_OFFSET = headerField('packetType').offset;

/**
 * Payload per DATA PDU that the gateway sends: 16 KiB, as Windows does; larger ones are legal and untested with mstsc.
 */
export const DATA_PAYLOAD = 16 * 1024;

/** Calls `emit` with whole DATA PDUs that carry `payload` in order, each of at most DATA_PAYLOAD bytes. */
export function wrapData(payload: Buffer, emit: (pdu: Buffer) => void): void {
  for (let offset = 0; offset < payload.length; offset += DATA_PAYLOAD) {
    const part = payload.subarray(offset, offset + DATA_PAYLOAD);
    const pdu = Buffer.allocUnsafe(DATA_OVERHEAD + part.length);
    TEMPLATE.copy(pdu);
    pdu.writeUInt32LE(pdu.length, LENGTH_OFFSET);
    pdu.writeUInt16LE(part.length, COUNT_OFFSET);
    part.copy(pdu, DATA_OVERHEAD);
    emit(pdu);
  }
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
