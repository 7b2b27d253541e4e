/** Telling MS-TSGU bytes from anything else, where a capture or a gap leaves us in the middle of something. */
import {
  DATA_OVERHEAD,
  HEADER_LENGTH,
  MAX_CONTROL_PDU,
  MAX_DATA_PDU,
  PKT_TYPE,
  peekHeader,
} from '../protocol/index.js';

/** Bytes that `looksLikePdu` wants to see at most. */
export const PROBE_BYTES = Math.max(HEADER_LENGTH, DATA_OVERHEAD);

const TYPES: ReadonlySet<number> = new Set(Object.values(PKT_TYPE));

/**
 * Whether a PDU could start at `at`: a known type, reserved bytes zero, a length that such a PDU may have and, where `length`
 * is given, exactly that one; DATA must also agree with its own count. Undefined while too few bytes are there to tell.
 * Random bytes pass about once in 2^35, a DATA header once in 2^60.
 */
export function looksLikePdu(bytes: Buffer, at: number, length?: number): boolean | undefined {
  if (bytes.length - at < HEADER_LENGTH) return undefined;
  const type = bytes.readUInt16LE(at);
  if (!TYPES.has(type) || bytes.readUInt16LE(at + 2) !== 0) return false;
  const packetLength = peekHeader(bytes, at)?.packetLength ?? 0;
  const isData = type === PKT_TYPE.DATA;
  if (packetLength < HEADER_LENGTH || packetLength > (isData ? MAX_DATA_PDU : MAX_CONTROL_PDU)) return false;
  if (length !== undefined && packetLength !== length) return false;
  if (!isData) return true;
  if (packetLength < DATA_OVERHEAD) return false;
  if (bytes.length - at < DATA_OVERHEAD) return undefined;
  return packetLength === DATA_OVERHEAD + bytes.readUInt16LE(at + DATA_OVERHEAD - 2);
}
