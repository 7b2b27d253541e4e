/** Creates captures for tests: frames of TCP segments in classic pcap and pcapng files of both byte orders. */

export const CLIENT = { address: '10.0.0.1', port: 50_000 };
export const SERVER = { address: '10.0.0.2', port: 443 };
/** 2026-11-23 00:00:00 UTC. */
export const EPOCH = 1_795_392_000_000_000_000n;

export interface Segment {
  readonly from?: 'client' | 'server';
  readonly sequence?: number;
  readonly acknowledgement?: number;
  /** Any of S, A, F, R, P. */
  readonly flags?: string;
  readonly data?: Buffer | string;
  readonly clientPort?: number;
  /** Bytes of TCP options, a multiple of 4. */
  readonly options?: number;
}

export interface Packet {
  readonly time: bigint;
  readonly bytes: Buffer;
  readonly originalLength?: number;
}

/** TCP header and data. */
export function tcp(segment: Segment): Buffer {
  const { from = 'client', sequence = 1, acknowledgement = 0, flags = 'A', clientPort = CLIENT.port } = segment;
  const options = segment.options ?? 0;
  const header = Buffer.alloc(20 + options, 1);
  header.writeUInt16BE(from === 'client' ? clientPort : SERVER.port, 0);
  header.writeUInt16BE(from === 'client' ? SERVER.port : clientPort, 2);
  header.writeUInt32BE(sequence >>> 0, 4);
  header.writeUInt32BE(acknowledgement >>> 0, 8);
  header[12] = ((20 + options) / 4) << 4;
  header[13] = [...flags].reduce((bits, flag) => bits | (1 << 'FSRPA'.indexOf(flag)), 0);
  const { data = '' } = segment;
  return Buffer.concat([header, typeof data === 'string' ? Buffer.from(data, 'latin1') : data]);
}

/** An IPv4 packet. */
export function ip4(payload: Buffer, from: 'client' | 'server' = 'client', change: Ip4Change = {}): Buffer {
  const options = change.options ?? 0;
  const header = Buffer.alloc(20 + options, 1);
  header[0] = 0x40 | ((20 + options) / 4);
  header.writeUInt16BE(change.total ?? header.length + payload.length, 2);
  header.writeUInt16BE(change.fragment ?? 0x4000, 6);
  header[9] = change.protocol ?? 6;
  const ends = [CLIENT, SERVER].map(({ address }) => Buffer.from(address.split('.').map(Number)));
  Buffer.concat(from === 'client' ? ends : ends.reverse()).copy(header, 12);
  return Buffer.concat([header, payload]);
}

export interface Ip4Change {
  readonly options?: number;
  /** The total length in the header, if it is to differ from the real one. */
  readonly total?: number;
  /** Flags and fragment offset. */
  readonly fragment?: number;
  readonly protocol?: number;
}

/** An Ethernet frame with optional VLAN tags. */
export function ethernet(payload: Buffer, etherType = 0x0800, tags: readonly number[] = []): Buffer {
  const types = [...tags.flatMap((tag) => [tag, 1]), etherType];
  const header = Buffer.alloc(12 + types.length * 2, 2);
  for (const [i, type] of types.entries()) header.writeUInt16BE(type, 12 + i * 2);
  return Buffer.concat([header, payload]);
}

/** An Ethernet frame with a TCP segment. */
export function frame(segment: Segment): Buffer {
  return ethernet(ip4(tcp(segment), segment.from));
}

/** Packets with TCP segments, one millisecond apart. */
export function packetsOf(segments: readonly Segment[]): Packet[] {
  return segments.map((segment, i) => ({ time: EPOCH + BigInt(i) * 1_000_000n, bytes: frame(segment) }));
}

export interface PcapOptions {
  readonly bigEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
  readonly snapLength?: number;
}

/** A classic pcap file. */
export function pcapFile(packets: readonly Packet[], options: PcapOptions = {}): Buffer {
  const { bigEndian = false, nanoseconds = false, linkType = 1, snapLength = 262_144 } = options;
  const scale = nanoseconds ? 1n : 1000n;
  const header = uint32s(bigEndian, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 0, 0, 0, snapLength, linkType);
  uint16s(bigEndian, 2, 4).copy(header, 4);
  const records = packets.flatMap(({ time, bytes, originalLength = bytes.length }) => [
    uint32s(
      bigEndian,
      Number(time / 1_000_000_000n),
      Number((time % 1_000_000_000n) / scale),
      bytes.length,
      originalLength,
    ),
    bytes,
  ]);
  return Buffer.concat([header, ...records]);
}

/** Functions that make the blocks of a pcapng file in one byte order. */
export function pcapng(bigEndian = false) {
  const block = (type: number, body: Buffer): Buffer => {
    const padded = pad(body);
    const length = uint32s(bigEndian, padded.length + 12);
    return Buffer.concat([uint32s(bigEndian, type), length, padded, length]);
  };
  const option = (code: number, value: Buffer): Buffer =>
    Buffer.concat([uint16s(bigEndian, code, value.length), pad(value)]);
  const packet = (bytes: Buffer, stamp: bigint, originalLength: number): Buffer =>
    Buffer.concat([
      uint32s(bigEndian, Number(stamp >> 32n), Number(stamp & 0xffffffffn), bytes.length, originalLength),
      pad(bytes),
    ]);
  return {
    block,
    section: (): Buffer =>
      block(
        0x0a0d0d0a,
        Buffer.concat([uint32s(bigEndian, 0x1a2b3c4d), uint16s(bigEndian, 1, 0), Buffer.alloc(8, 0xff)]),
      ),
    /** With if_tsresol and if_tsoffset if given, between options that a reader ignores. */
    interface: (linkType = 1, snapLength = 0, resolution?: number, offset?: bigint): Buffer => {
      const options = [option(2, Buffer.from('eth0')), option(11, Buffer.from('\0tcp'))];
      if (resolution !== undefined) options.push(option(9, Buffer.from([resolution])));
      if (offset !== undefined) {
        const value = Buffer.alloc(8);
        if (bigEndian) value.writeBigInt64BE(offset);
        else value.writeBigInt64LE(offset);
        options.push(option(14, value));
      }
      options.push(option(0, Buffer.alloc(0)));
      return block(1, Buffer.concat([uint16s(bigEndian, linkType, 0), uint32s(bigEndian, snapLength), ...options]));
    },
    /** An EPB with a comment after the packet. */
    enhanced: (bytes: Buffer, stamp: bigint, from = 0, originalLength = bytes.length): Buffer =>
      block(
        6,
        Buffer.concat([
          uint32s(bigEndian, from),
          packet(bytes, stamp, originalLength),
          option(1, Buffer.from('hi')),
          option(0, Buffer.alloc(0)),
        ]),
      ),
    obsolete: (bytes: Buffer, stamp: bigint, from = 0, originalLength = bytes.length): Buffer =>
      block(2, Buffer.concat([uint16s(bigEndian, from, 7), packet(bytes, stamp, originalLength)])),
    simple: (bytes: Buffer, originalLength = bytes.length): Buffer =>
      block(3, Buffer.concat([uint32s(bigEndian, originalLength), pad(bytes)])),
    secrets: (text: string, type = 0x544c534b): Buffer =>
      block(10, Buffer.concat([uint32s(bigEndian, type, text.length), pad(Buffer.from(text, 'latin1'))])),
  };
}

function uint32s(bigEndian: boolean, ...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) {
    if (bigEndian) bytes.writeUInt32BE(value, i * 4);
    else bytes.writeUInt32LE(value, i * 4);
  }
  return bytes;
}

function uint16s(bigEndian: boolean, ...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) {
    if (bigEndian) bytes.writeUInt16BE(value, i * 2);
    else bytes.writeUInt16LE(value, i * 2);
  }
  return bytes;
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
