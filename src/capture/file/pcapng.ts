/**
 * pcapng: sections in either byte order, interfaces with their own clocks, packets, and the TLS secrets a capture may carry.
 * Everything else is skipped. Source: draft-ietf-opsawg-pcapng.
 */
import { type Clock, clock, DEFAULT_RESOLUTION } from './clock.js';
import { type Frames, MAX_PACKET_BYTES } from './frames.js';
import { Records } from './records.js';

/** Largest block that is read, as in Wireshark. Blocks that are skipped may have any length. */
export const MAX_BLOCK_BYTES = 16 * 1024 * 1024;
/** Interfaces in a section: merged files have one for each source. */
export const MAX_INTERFACES = 65_536;

const BLOCK = {
  interface: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
  secrets: 10,
  section: 0x0a0d0d0a,
} as const;
const READ: ReadonlySet<number> = new Set([1, 2, 3, 6, 10, 0x0a0d0d0a]);
/** Skipped, but Wireshark gives them a frame number: systemd journal entries and custom blocks. */
const NUMBERED: ReadonlySet<number> = new Set([9, 0x0bad, 0x40000bad]);
/** Type, length, and the length again at the end. */
const SMALLEST_BLOCK = 12;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION = { resolution: 9, offset: 14 } as const;
/** "TLSK": the secrets are a key log in NSS format. */
const TLS_KEY_LOG = 0x544c534b;

interface Interface {
  readonly linkType: number;
  /** Bytes of a packet that were kept at most; 0 is no limit. */
  readonly snapLength: number;
  readonly clock: Clock;
}

/** Whether the first four bytes begin such a file. */
export function isPcapng(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === BLOCK.section;
}

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

  /** The file ends here. */
  end(): void {
    const at = this.#records.unfinished;
    if (at !== undefined) this.#frames.problem('CAPTURE_TRUNCATED', 'the file ends in the middle of a block', at);
  }

  #block(bytes: Buffer, at: number): number {
    const have = bytes.length - at;
    if (have < SMALLEST_BLOCK) return -SMALLEST_BLOCK;
    const isSection = bytes.readUInt32BE(at) === BLOCK.section;
    if (isSection) {
      // Only now is it known how to read the length before it.
      if (bytes.readUInt32LE(at + 8) === BYTE_ORDER) this.#littleEndian = true;
      else if (bytes.readUInt32BE(at + 8) === BYTE_ORDER) this.#littleEndian = false;
      else return this.#damaged(at, 'a section header without a byte order');
    }
    const type = this.#u32(bytes, at);
    const stated = this.#u32(bytes, at + 4);
    if (stated < SMALLEST_BLOCK) return this.#damaged(at, `a block of ${stated} bytes`);
    // Some writers forget the padding in the length; the next block begins behind it all the same.
    const length = stated % 4 === 0 ? stated : stated + 4 - (stated % 4);
    if (!READ.has(type)) {
      if (NUMBERED.has(type)) this.#frames.other();
      return length;
    }
    if (length > MAX_BLOCK_BYTES) return this.#damaged(at, `a block of ${length} bytes`);
    if (have < length) return -length;
    const again = this.#u32(bytes, at + length - 4);
    if (again !== stated) return this.#damaged(at, `a block says ${stated} bytes at its start and ${again} at its end`);
    const wrong = this.#read(type, bytes, at + 8, at + length - 4);
    if (wrong !== undefined) return this.#damaged(at, wrong);
    return this.#frames.stopped ? 0 : length;
  }

  /** Reads the body of a block; gives what is wrong with it. */
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

  /** Both packet blocks agree from the time stamp on. */
  #packet(number: number, bytes: Buffer, at: number, end: number): string | undefined {
    const source = this.#interfaces[number];
    if (source === undefined) return `a packet of interface ${number}, which is not described`;
    const captured = this.#u32(bytes, at + 8);
    const start = at + 16;
    if (captured > MAX_PACKET_BYTES || captured > end - start) return `a packet of ${captured} bytes`;
    const time = source.clock(this.#u32(bytes, at), this.#u32(bytes, at + 4));
    const packet = bytes.subarray(start, start + captured);
    this.#frames.packet(time, source.linkType, packet, this.#u32(bytes, at + 12));
    return undefined;
  }

  /** No time stamp (shown as the epoch), no interface (the first one), no captured length (what the interface keeps). */
  #simplePacket(bytes: Buffer, at: number, end: number): string | undefined {
    const source = this.#interfaces[0];
    if (source === undefined) return 'a packet before any interface is described';
    if (end - at < 4) return 'a packet block that is too short';
    const original = this.#u32(bytes, at);
    const kept = source.snapLength === 0 ? original : Math.min(original, source.snapLength);
    if (kept > MAX_PACKET_BYTES || kept > end - at - 4) return `a packet of ${kept} bytes`;
    this.#frames.packet(0n, source.linkType, bytes.subarray(at + 4, at + 4 + kept), original);
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
