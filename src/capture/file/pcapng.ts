/**
 * Reads pcapng files: sections in either byte order, interfaces with their own time resolution, packets, and embedded
 * TLS secrets. Other blocks are skipped. Source: draft-ietf-opsawg-pcapng.
 */
import { type Clock, clock, DEFAULT_RESOLUTION } from './clock.js';
import { type Frames, MAX_PACKET_BYTES } from './frames.js';
import { Records } from './records.js';

/** Largest block that is parsed, as in Wireshark. Skipped blocks may have any length. */
export const MAX_BLOCK_BYTES = 16 * 1024 * 1024;
/** Maximum number of interfaces in a section. Merged files have one for each source file. */
export const MAX_INTERFACES = 65_536;

const BLOCK = {
  interface: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
  secrets: 10,
  section: 0x0a0d0d0a,
} as const;
const PARSED: ReadonlySet<number> = new Set([1, 2, 3, 6, 10, 0x0a0d0d0a]);
/** Blocks that are skipped but have a frame number in Wireshark: systemd journal entries and custom blocks. */
const COUNTED: ReadonlySet<number> = new Set([9, 0x0bad, 0x40000bad]);
/** Block type, total length, and the total length repeated at the end. */
const MIN_BLOCK_BYTES = 12;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION = { resolution: 9, offset: 14 } as const;
/** Secrets type "TLSK": a key log in NSS format. */
const TLS_KEY_LOG = 0x544c534b;

interface Interface {
  readonly linkType: number;
  /** SnapLen: maximum number of bytes captured of a packet; 0 means no limit. */
  readonly snapLength: number;
  readonly clock: Clock;
}

/** Reports whether the first four bytes of a file are the type of a section header block. */
export function isPcapng(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === BLOCK.section;
}

/** Push parser for a pcapng file. Reports packets, secrets and at most one problem to `frames`. */
export class PcapngReader {
  readonly #frames: Frames;
  readonly #records = new Records((bytes, at) => this.#block(bytes, at));
  #littleEndian = true;
  #interfaces: Interface[] = [];

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  push(chunk: Buffer): void {
    this.#records.push(chunk);
  }

  /** Reports `CAPTURE_TRUNCATED` when the file ends inside a block. */
  end(): void {
    const at = this.#records.unfinished;
    if (at !== undefined) this.#frames.problem('CAPTURE_TRUNCATED', 'the file ends in the middle of a block', at);
  }

  #block(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (available < MIN_BLOCK_BYTES) return -MIN_BLOCK_BYTES;
    const isSection = bytes.readUInt32BE(at) === BLOCK.section;
    if (isSection) {
      // The byte-order magic decides how to read the block length, which precedes it.
      if (bytes.readUInt32LE(at + 8) === BYTE_ORDER_MAGIC) this.#littleEndian = true;
      else if (bytes.readUInt32BE(at + 8) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
      else return this.#damaged(at, 'a section header without a byte order');
    }
    const type = this.#u32(bytes, at);
    const stated = this.#u32(bytes, at + 4);
    if (stated < MIN_BLOCK_BYTES) return this.#damaged(at, `a block of ${stated} bytes`);
    // Some writers state the length without the padding, although the next block begins after it.
    const length = stated % 4 === 0 ? stated : stated + 4 - (stated % 4);
    if (!PARSED.has(type)) {
      if (COUNTED.has(type)) this.#frames.countNonPacket();
      return length;
    }
    if (length > MAX_BLOCK_BYTES) return this.#damaged(at, `a block of ${length} bytes`);
    if (available < length) return -length;
    const repeated = this.#u32(bytes, at + length - 4);
    if (repeated !== stated)
      return this.#damaged(at, `a block says ${stated} bytes at its start and ${repeated} at its end`);
    const problem = this.#read(type, bytes, at + 8, at + length - 4);
    if (problem !== undefined) return this.#damaged(at, problem);
    return this.#frames.stopped ? 0 : length;
  }

  /** Parses the body of a block. Returns a description of the damage, or undefined. */
  #read(type: number, bytes: Buffer, at: number, end: number): string | undefined {
    switch (type) {
      case BLOCK.enhancedPacket:
        if (end - at < 20) return 'a packet block that is too short';
        return this.#packet(this.#u32(bytes, at), bytes, at + 4, end);
      case BLOCK.obsoletePacket:
        if (end - at < 20) return 'a packet block that is too short';
        return this.#packet(this.#u16(bytes, at), bytes, at + 4, end);
      case BLOCK.simplePacket:
        return this.#simplePacket(bytes, at, end);
      case BLOCK.interface:
        return this.#interface(bytes, at, end);
      case BLOCK.secrets:
        return this.#secrets(bytes, at, end);
      default:
        return this.#section(bytes, at, end);
    }
  }

  /** Enhanced and obsolete packet blocks have the same layout from the time stamp (`at`) on. */
  #packet(number: number, bytes: Buffer, at: number, end: number): string | undefined {
    const iface = this.#interfaces[number];
    if (iface === undefined) return `a packet of interface ${number}, which is not described`;
    const captured = this.#u32(bytes, at + 8);
    const start = at + 16;
    if (captured > MAX_PACKET_BYTES || captured > end - start) return `a packet of ${captured} bytes`;
    const time = iface.clock(this.#u32(bytes, at), this.#u32(bytes, at + 4));
    const packet = bytes.subarray(start, start + captured);
    this.#frames.packet(time, iface.linkType, packet, this.#u32(bytes, at + 12));
    return undefined;
  }

  /**
   * Simple packet blocks state neither time stamp, interface nor captured length. The time is 0, the interface is the
   * first one, and SnapLen limits the captured length.
   */
  #simplePacket(bytes: Buffer, at: number, end: number): string | undefined {
    const iface = this.#interfaces[0];
    if (iface === undefined) return 'a packet before any interface is described';
    if (end - at < 4) return 'a packet block that is too short';
    const original = this.#u32(bytes, at);
    const captured = iface.snapLength === 0 ? original : Math.min(original, iface.snapLength);
    if (captured > MAX_PACKET_BYTES || captured > end - at - 4) return `a packet of ${captured} bytes`;
    this.#frames.packet(0n, iface.linkType, bytes.subarray(at + 4, at + 4 + captured), original);
    return undefined;
  }

  #interface(bytes: Buffer, at: number, end: number): string | undefined {
    if (end - at < 8) return 'an interface description that is too short';
    if (this.#interfaces.length >= MAX_INTERFACES) return `more than ${MAX_INTERFACES} interfaces`;
    let resolution = DEFAULT_RESOLUTION;
    let offset = 0n;
    for (let option = at + 8; option + 4 <= end; ) {
      const code = this.#u16(bytes, option);
      const length = this.#u16(bytes, option + 2);
      const value = option + 4;
      if (code === 0 || value + length > end) break;
      if (code === OPTION.resolution && length === 1) resolution = bytes[value] as number;
      if (code === OPTION.offset && length === 8) {
        offset = this.#littleEndian ? bytes.readBigInt64LE(value) : bytes.readBigInt64BE(value);
      }
      option = value + length + ((4 - (length % 4)) % 4);
    }
    this.#interfaces.push({
      linkType: this.#u16(bytes, at),
      snapLength: this.#u32(bytes, at + 4),
      clock: clock(resolution, offset),
    });
    return undefined;
  }

  #secrets(bytes: Buffer, at: number, end: number): string | undefined {
    if (end - at < 8) return 'a secrets block that is too short';
    const length = this.#u32(bytes, at + 4);
    if (length > end - at - 8) return `secrets of ${length} bytes`;
    if (this.#u32(bytes, at) === TLS_KEY_LOG) {
      this.#frames.secrets(bytes.toString('latin1', at + 8, at + 8 + length));
    }
    return undefined;
  }

  #section(bytes: Buffer, at: number, end: number): string | undefined {
    if (end - at < 16) return 'a section header that is too short';
    const major = this.#u16(bytes, at + 4);
    if (major !== 1) return `a section of pcapng version ${major}`;
    this.#interfaces = [];
    return undefined;
  }

  #damaged(at: number, what: string): number {
    this.#frames.problem('CAPTURE_DAMAGED', `damaged block: ${what}`, this.#records.offsetOf(at));
    return 0;
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}
