/** Recognises PDUs by their bytes, after a gap or in a capture that began mid-stream. */
import {
  DATA_OVERHEAD,
  HEADER_LENGTH,
  MAX_CONTROL_PDU,
  MAX_DATA_PDU,
  PKT_TYPE,
  peekHeader,
  startsData,
} from '../../protocol/index.js';

/** The most bytes that `looksLikePdu` needs. */
export const PROBE_BYTES = Math.max(HEADER_LENGTH, DATA_OVERHEAD);

const TYPES: ReadonlySet<number> = new Set(Object.values(PKT_TYPE));

/**
 * Whether a PDU may start at `at`: a known type, reserved bytes of zero, and a length that the type allows, or exactly
 * `length` if it is given. The length of DATA must also match its own count. Undefined while there are too few bytes.
 * Random bytes pass about once in 2^35, as DATA once in 2^60.
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
