/** The header of a WebSocket frame (RFC 6455 5.2). */

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

const NAMES: Readonly<Record<number, string>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'close',
  9: 'ping',
  10: 'pong',
};

/** Two bytes, eight of extended length, four of mask. */
export const LONGEST_FRAME_HEADER = 14;

/** A frame header. One object is reused for all frames of a direction, because most frames are small. */
export class FrameHeader {
  fin = true;
  /** The three reserved bits, 0 to 7. */
  rsv = 0;
  opcode = 0;
  /** Payload length in bytes; Infinity for a 64-bit length beyond the safe integers. */
  length = 0;
  masked = false;
  /** The masking key; left over from an earlier frame when `masked` is false. */
  readonly key = new Uint8Array(4);

  /** Reads the header at `at` and returns its size in bytes; 0 while it is incomplete. */
  read(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return 0;
    const first = bytes[at] as number;
    const second = bytes[at + 1] as number;
    const size = frameHeaderSize(second);
    if (bytes.length - at < size) return 0;
    this.fin = first >= 0x80;
    this.rsv = (first >> 4) & 7;
    this.opcode = first & 0x0f;
    this.masked = second >= 0x80;
    this.length = payloadLength(bytes, at, second & 0x7f);
    if (this.masked) {
      for (let index = 0; index < 4; index++) this.key[index] = bytes[at + size - 4 + index] as number;
    }
    return size;
  }
}

/** `binary`, `ping`, …, or hexadecimal (`0x3`) for a reserved opcode. */
export function opcodeName(opcode: number): string {
  return NAMES[opcode] ?? `0x${opcode.toString(16)}`;
}

/** The size of a header in bytes, from its second byte. */
export function frameHeaderSize(second: number): number {
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second >= 0x80 ? 4 : 0);
}

function payloadLength(bytes: Buffer, at: number, short: number): number {
  if (short < 126) return short;
  if (short === 126) return ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  const high = bytes.readUInt32BE(at + 2);
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32BE(at + 6);
}
