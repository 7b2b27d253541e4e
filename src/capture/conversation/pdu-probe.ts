/** Telling MS-TSGU bytes from anything else, where a capture or a gap leaves us in the middle of something. */
import {
  DATA_OVERHEAD,
  HEADER_LENGTH,
  MAX_CONTROL_PDU,
  MAX_DATA_PDU,
  PKT_TYPE,
  peekHeader,
  startsData,
} from '../../protocol/index.js';

/** Bytes that `looksLikePdu` wants to see at most. */
export const PROBE_BYTES = Math.max(HEADER_LENGTH, DATA_OVERHEAD);

const TYPES: ReadonlySet<number> = new Set(Object.values(PKT_TYPE));

/**
 * Whether a PDU could start at `at`: a known type, reserved bytes zero, a length that such a PDU may have and, where `length`
 * is given, exactly that one; DATA must also agree with its own count. Undefined while too few bytes are there to tell.
 * Random bytes pass about once in 2^35, a DATA header once in 2^60.
 */
export function looksLikePdu(bytes: Buffer, at: number, length?: number): boolean | undefined {
  const header = peekHeader(bytes, at);
  if (header === undefined) return undefined;
  const { packetType, reserved, packetLength } = header;
  if (!TYPES.has(packetType) || reserved !== 0) return false;
  const isData = packetType === PKT_TYPE.DATA;
  if (packetLength < HEADER_LENGTH || packetLength > (isData ? MAX_DATA_PDU : MAX_CONTROL_PDU)) return false;
  if (length !== undefined && packetLength !== length) return false;
  return isData ? startsData(bytes, at) : true;
}
