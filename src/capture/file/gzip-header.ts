/** The header of a gzip member (RFC 1952 section 2.3). */

const FIXED_BYTES = 10;
const DEFLATE = 8;
const FLAG = { checksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;
/** RFC 1952 does not limit the length of name and comment; without a limit a header could fill the whole file. */
const MAX_HEADER_BYTES = 128 * 1024;

/** Length of the header at the start of `bytes`; 0 while it is incomplete, undefined when it is not a gzip header. */
export function memberHeaderLength(bytes: Buffer): number | undefined {
  for (const [index, byte] of [0x1f, 0x8b, DEFLATE].entries()) {
    if (index < bytes.length && bytes[index] !== byte) return undefined;
  }
  if (bytes.length < FIXED_BYTES) return 0;
  const flags = bytes[3] as number;
  if ((flags & FLAG.reserved) !== 0) return undefined;
  let at = FIXED_BYTES;
  if (flags & FLAG.extra) at = bytes.length < at + 2 ? Number.POSITIVE_INFINITY : at + 2 + bytes.readUInt16LE(at);
  for (const flag of [FLAG.name, FLAG.comment]) if (flags & flag) at = afterZero(bytes, at);
  if (flags & FLAG.checksum) at += 2;
  if (at <= bytes.length) return at;
  return bytes.length > MAX_HEADER_BYTES ? undefined : 0;
}

function afterZero(bytes: Buffer, at: number): number {
  const zero = at < bytes.length ? bytes.indexOf(0, at) : -1;
  return zero < 0 ? Number.POSITIVE_INFINITY : zero + 1;
}
