/** Builds one record of a pcap file: an IPv4 (RFC 791) or IPv6 (RFC 8200) packet with a TCP segment (RFC 9293). */
import type { Endpoint } from '../types.js';

/** An endpoint with its address as 4 or 16 bytes. Both endpoints of a connection have the same length. */
export interface WrittenEndpoint extends Endpoint {
  readonly bytes: Buffer;
}

export interface Ends {
  readonly client: WrittenEndpoint;
  readonly target: WrittenEndpoint;
}

export interface SegmentToWrite {
  readonly source: WrittenEndpoint;
  readonly destination: WrittenEndpoint;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly data: Buffer;
  /** Identification field of IPv4, taken modulo 2^16. */
  readonly id: number;
  /** Nanoseconds since the epoch, clamped to the range of the file format. */
  readonly at: bigint;
  /** Maximum segment size announced in a SYN. */
  readonly mss: number;
}

export const FLAG = { fin: 0x01, syn: 0x02, push: 0x08, ack: 0x10 } as const;

const RECORD_HEADER = 16;
const TCP = 6;
const TCP_HEADER = 20;
/** Bytes of the options MSS and window scale (RFC 7323), padded with a no-operation. */
const SYN_OPTIONS = 8;
/** Scales WINDOW to 8 MiB, more than is ever unacknowledged. */
const WINDOW_SCALE = 7;
const WINDOW = 0xffff;
const SECOND = 1_000_000_000n;
const MAX_SECONDS = 0xffff_ffffn;

/** The record with its header, in a new Buffer. */
export function packetOf(segment: SegmentToWrite): Buffer {
  const { source, destination, data, flags } = segment;
  const syn = (flags & FLAG.syn) !== 0;
  const ipHeader = source.bytes.length === 4 ? 20 : 40;
  const tcpLength = TCP_HEADER + (syn ? SYN_OPTIONS : 0) + data.length;
  // All headers are a multiple of four bytes long, so the checksum of the segment can be summed over 32-bit words.
  const record = Buffer.allocUnsafeSlow((RECORD_HEADER + ipHeader + tcpLength + 3) & ~3);
  record.fill(0, 0, RECORD_HEADER + ipHeader + TCP_HEADER);
  record.fill(0, record.length - 4);
  recordHeader(record, segment.at, ipHeader + tcpLength);
  if (ipHeader === 20) ip4(record, source, destination, tcpLength, segment.id);
  else ip6(record, source, destination, tcpLength);
  const tcp = RECORD_HEADER + ipHeader;
  record.writeUInt16BE(source.port, tcp);
  record.writeUInt16BE(destination.port, tcp + 2);
  record.writeUInt32BE(segment.sequence, tcp + 4);
  record.writeUInt32BE(segment.acknowledgement, tcp + 8);
  record[tcp + 12] = ((TCP_HEADER + (syn ? SYN_OPTIONS : 0)) / 4) << 4;
  record[tcp + 13] = flags;
  record.writeUInt16BE(WINDOW, tcp + 14);
  if (syn) {
    record.writeUInt32BE(0x0204_0000 + segment.mss, tcp + 20);
    record.writeUInt32BE(0x0103_0300 + WINDOW_SCALE, tcp + 24);
  }
  data.copy(record, tcp + tcpLength - data.length);
  const addresses = sumOf(source.bytes) + sumOf(destination.bytes);
  record.writeUInt16BE(checksum(sumToEnd(record, tcp) + addresses + TCP + tcpLength), tcp + 16);
  return record.subarray(0, tcp + tcpLength);
}

function recordHeader(record: Buffer, at: bigint, length: number): void {
  const time = at < 0n ? 0n : at;
  const seconds = time / SECOND > MAX_SECONDS ? MAX_SECONDS : time / SECOND;
  record.writeUInt32LE(Number(seconds), 0);
  record.writeUInt32LE(Number(time % SECOND), 4);
  record.writeUInt32LE(length, 8);
  record.writeUInt32LE(length, 12);
}

function ip4(record: Buffer, source: WrittenEndpoint, destination: WrittenEndpoint, length: number, id: number): void {
  const at = RECORD_HEADER;
  record[at] = 0x45;
  record.writeUInt16BE(20 + length, at + 2);
  record.writeUInt16BE(id & 0xffff, at + 4);
  // Do not fragment.
  record.writeUInt16BE(0x4000, at + 6);
  record[at + 8] = 64;
  record[at + 9] = TCP;
  source.bytes.copy(record, at + 12);
  destination.bytes.copy(record, at + 16);
  record.writeUInt16BE(checksum(sumOf(record.subarray(at, at + 20))), at + 10);
}

function ip6(record: Buffer, source: WrittenEndpoint, destination: WrittenEndpoint, length: number): void {
  const at = RECORD_HEADER;
  record[at] = 0x60;
  record.writeUInt16BE(length, at + 4);
  record[at + 6] = TCP;
  record[at + 7] = 64;
  source.bytes.copy(record, at + 8);
  destination.bytes.copy(record, at + 24);
}

/** The sum of the 16-bit words in an even number of bytes. */
function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  return sum;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * `sumOf` from `at` to the end, modulo 65535, summed over 32-bit words in the machine's byte order. The one's
 * complement sum depends neither on the word size nor, except for a swap of the result, on the byte order (RFC 1071
 * section 2).
 */
function sumToEnd(record: Buffer, at: number): number {
  const whole = new Uint32Array(record.buffer, record.byteOffset + at, (record.length - at) / 4);
  let sum = 0;
  for (const word of whole) sum += word;
  const folded = sum % 0xffff;
  return LITTLE_ENDIAN ? ((folded & 0xff) << 8) | (folded >> 8) : folded;
}

/** The Internet checksum of RFC 1071. */
function checksum(sum: number): number {
  return 0xffff - (sum % 0xffff);
}
