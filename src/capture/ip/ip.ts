/**
 * Parses IPv4 (RFC 791), IPv6 with extension headers (RFC 8200) and TCP (RFC 9293) headers.
 * Checksums are not verified: on the sending machine the network card computes them after the capture (offloading).
 */
import type { CapturedPacket, Endpoint, TcpSegment } from '../types.js';
import { Endpoints } from './endpoints.js';
import { ipOffset, LINK } from './link.js';

/** Why a packet yields no TCP segment. */
export type SkipReason =
  /** The link type is not one of `LINK_TYPES`. */
  | 'unknown link type'
  | 'not ip'
  | 'not tcp'
  /** An IP fragment. Fragments of TCP are rare and not reassembled; their payload becomes a gap in the stream. */
  | 'fragment'
  /** Too few bytes were captured to read all headers. */
  | 'cut short'
  /** Header lengths contradict each other. */
  | 'malformed';

const TCP = 6;
const TCP_HEADER = 20;
const FLAG = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 } as const;
/** Extension headers sized in 8-byte units: hop-by-hop, routing, destination options, mobility, HIP, shim6. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60, 135, 139, 140]);
const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Limits the work per packet, which could otherwise consist of extension headers only. */
const MAX_EXTENSIONS = 16;
const EMPTY = Buffer.alloc(0);

/** Extracts TCP segments from packets and counts the packets without one. */
export class SegmentReader {
  readonly #endpoints = new Endpoints();
  /** Number of packets without a segment, by reason. */
  readonly skipped: Record<SkipReason, number> = {
    'unknown link type': 0,
    'not ip': 0,
    'not tcp': 0,
    fragment: 0,
    'cut short': 0,
    malformed: 0,
  };
  /** Link type of the first packet with an unknown link type. */
  unknownLink: number | undefined;

  /** Returns the segment in a packet, or why there is none. The payload is a view of the packet. Never throws. */
  read(packet: CapturedPacket): TcpSegment | SkipReason {
    const segment = this.#read(packet);
    if (typeof segment === 'string') this.skipped[segment]++;
    return segment;
  }

  #read(packet: CapturedPacket): TcpSegment | SkipReason {
    const { bytes } = packet;
    const at = ipOffset(packet.linkType, bytes);
    if (at < 0) {
      if (at === LINK.unknown) {
        this.unknownLink ??= packet.linkType;
        return 'unknown link type';
      }
      return at === LINK.notIp ? 'not ip' : 'cut short';
    }
    if (at >= bytes.length) return 'cut short';
    const version = (bytes[at] as number) >> 4;
    if (version === 4) return this.#ip4(packet, at);
    return version === 6 ? this.#ip6(packet, at) : 'not ip';
  }

  #ip4(packet: CapturedPacket, at: number): TcpSegment | SkipReason {
    const { bytes, originalLength } = packet;
    if (bytes.length < at + 20) return 'cut short';
    const header = ((bytes[at] as number) & 0x0f) * 4;
    const total = bytes.readUInt16BE(at + 2);
    if (header < 20 || (total !== 0 && total < header)) return 'malformed';
    if (bytes[at + 9] !== TCP) return 'not tcp';
    // The MF flag and the fragment offset.
    if ((bytes.readUInt16BE(at + 6) & 0x3fff) !== 0) return 'fragment';
    const start = at + header;
    if (bytes.length < start + TCP_HEADER) return 'cut short';
    // With segmentation offload, large packets are captured before the card splits them, and their total length is 0.
    // Otherwise, bytes after the total length are link layer padding.
    const end = total === 0 ? originalLength : Math.min(at + total, originalLength);
    const source = this.#endpoints.ip4(bytes, at + 12, bytes.readUInt16BE(start));
    const destination = this.#endpoints.ip4(bytes, at + 16, bytes.readUInt16BE(start + 2));
    return segment(packet, start, end, source, destination);
  }

  #ip6(packet: CapturedPacket, at: number): TcpSegment | SkipReason {
    const { bytes, originalLength } = packet;
    if (bytes.length < at + 40) return 'cut short';
    const length = bytes.readUInt16BE(at + 4);
    let next = bytes[at + 6] as number;
    let start = at + 40;
    for (let headers = 0; next !== TCP; headers++) {
      if (headers === MAX_EXTENSIONS) return 'malformed';
      if (next !== FRAGMENT && next !== AUTHENTICATION && !EXTENSIONS.has(next)) return 'not tcp';
      if (bytes.length < start + 8) return 'cut short';
      const following = bytes[start] as number;
      if (next === FRAGMENT) {
        // RFC 6946: an atomic fragment (offset 0, no more fragments) is a whole packet.
        if ((bytes.readUInt16BE(start + 2) & 0xfff9) !== 0) return following === TCP ? 'fragment' : 'not tcp';
        start += 8;
      } else {
        const units = bytes[start + 1] as number;
        start += next === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
      }
      next = following;
    }
    if (bytes.length < start + TCP_HEADER) return 'cut short';
    // A payload length of 0 is as in IPv4, or a jumbogram (RFC 2675).
    const end = length === 0 ? originalLength : Math.min(at + 40 + length, originalLength);
    const source = this.#endpoints.ip6(bytes, at + 8, bytes.readUInt16BE(start));
    const destination = this.#endpoints.ip6(bytes, at + 24, bytes.readUInt16BE(start + 2));
    return segment(packet, start, end, source, destination);
  }
}

/**
 * Reads the TCP header at `start`. `end` is the end of the IP packet on the wire, which may be after the last captured
 * byte.
 */
function segment(
  packet: CapturedPacket,
  start: number,
  end: number,
  source: Endpoint,
  destination: Endpoint,
): TcpSegment | SkipReason {
  const { bytes } = packet;
  const data = start + ((bytes[start + 12] as number) >> 4) * 4;
  if (data < start + TCP_HEADER || data > end) return 'malformed';
  const flags = bytes[start + 13] as number;
  const captured = Math.min(end, bytes.length);
  return {
    frame: packet.frame,
    time: packet.time,
    source,
    destination,
    sequence: bytes.readUInt32BE(start + 4),
    acknowledgement: bytes.readUInt32BE(start + 8),
    syn: (flags & FLAG.syn) !== 0,
    ack: (flags & FLAG.ack) !== 0,
    fin: (flags & FLAG.fin) !== 0,
    rst: (flags & FLAG.rst) !== 0,
    payload: data < captured ? bytes.subarray(data, captured) : EMPTY,
    payloadLength: end - data,
  };
}
