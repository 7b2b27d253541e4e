/**
 * Reads classic pcap files in both byte orders, with microsecond or nanosecond time stamps.
 * Source: draft-ietf-opsawg-pcap.
 *
 * pcap-parser does the parsing, but it does not limit lengths or buffered bytes, does not report a truncated file, and
 * does not support nanoseconds. ClassicReader therefore checks each record header first, passes only whole records to
 * the parser, and rewrites the file header to the microsecond magic number.
 */
import { EventEmitter } from 'node:events';
import { type PcapPacket, type PcapParser, parse } from 'pcap-parser';
import { type Frames, MAX_PACKET_BYTES } from './frames.js';
import { Records } from './records.js';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const SUPPORTED_MAJOR = 2;
const SUPPORTED_MINOR = 4;

/** Reports whether the first four bytes of a file are a classic pcap magic number. */
export function isClassic(head: Buffer): boolean {
  return magicOf(head) !== undefined;
}

/** Push parser for a classic pcap file. Reports packets and at most one problem to `frames`. */
export class ClassicReader {
  readonly #frames: Frames;
  readonly #records: Records;
  /** The input stream of the parser. Events are delivered synchronously, so it needs no flow control. */
  readonly #source = Object.assign(new EventEmitter(), { pause: () => {}, resume: () => {} });
  readonly #parser: PcapParser = parse(this.#source);
  #littleEndian = true;
  #linkType = 0;
  /** Nanoseconds per unit of the fractional half of a time stamp: 1000 or 1. */
  #scale = 1000;
  #headerRead = false;
  #seconds = 0;
  #secondsInNanoseconds = 0n;

  constructor(frames: Frames) {
    this.#frames = frames;
    this.#records = new Records((bytes, at) => (this.#headerRead ? this.#packets(bytes, at) : this.#header(bytes, at)));
    this.#parser.on('packet', (packet) => this.#packet(packet));
    this.#parser.on('error', (error) => this.#frames.problem('CAPTURE_DAMAGED', error.message, 0));
  }

  push(chunk: Buffer): void {
    this.#records.push(chunk);
  }

  /** Reports `CAPTURE_TRUNCATED` when the file ends inside its header or a packet. */
  end(): void {
    const at = this.#records.unfinished;
    if (at === undefined) return;
    const where = this.#headerRead ? 'in the middle of a packet' : 'inside its header';
    this.#frames.problem('CAPTURE_TRUNCATED', `the file ends ${where}`, at);
  }

  #header(bytes: Buffer, at: number): number {
    if (bytes.length - at < FILE_HEADER_BYTES) return -FILE_HEADER_BYTES;
    const header = Buffer.from(bytes.subarray(at, at + FILE_HEADER_BYTES));
    const { littleEndian, nanoseconds } = magicOf(header) ?? { littleEndian: true, nanoseconds: false };
    this.#littleEndian = littleEndian;
    this.#scale = nanoseconds ? 1 : 1000;
    const major = littleEndian ? header.readUInt16LE(4) : header.readUInt16BE(4);
    const minor = littleEndian ? header.readUInt16LE(6) : header.readUInt16BE(6);
    if (major !== SUPPORTED_MAJOR || minor !== SUPPORTED_MINOR) {
      this.#frames.problem('CAPTURE_UNKNOWN', `a pcap file of version ${major}.${minor}, not 2.4`, 4);
      return 0;
    }
    // The upper 16 bits hold flags and the length of the frame check sequence.
    this.#linkType = littleEndian ? header.readUInt16LE(20) : header.readUInt16BE(22);
    if (littleEndian) header.writeUInt32LE(MICROSECONDS);
    else header.writeUInt32BE(MICROSECONDS);
    this.#feed(header);
    this.#headerRead = true;
    return FILE_HEADER_BYTES;
  }

  /** Passes all whole records from `at` on to the parser. Return value: see `ReadRecord`. */
  #packets(bytes: Buffer, at: number): number {
    let end = at;
    let needed = 0;
    let oversized = -1;
    while (needed === 0) {
      const available = bytes.length - end;
      if (available < RECORD_HEADER_BYTES) {
        needed = RECORD_HEADER_BYTES;
        break;
      }
      const captured = this.#littleEndian ? bytes.readUInt32LE(end + 8) : bytes.readUInt32BE(end + 8);
      if (captured > MAX_PACKET_BYTES) {
        oversized = captured;
        break;
      }
      if (available < RECORD_HEADER_BYTES + captured) needed = RECORD_HEADER_BYTES + captured;
      else end += RECORD_HEADER_BYTES + captured;
    }
    if (end > at) this.#feed(bytes.subarray(at, end));
    if (this.#frames.stopped) return 0;
    if (end > at) return end - at;
    if (oversized < 0) return -needed;
    this.#frames.problem(
      'CAPTURE_DAMAGED',
      `a packet of ${oversized} bytes, more than the ${MAX_PACKET_BYTES} that are possible`,
      this.#records.offsetOf(at),
    );
    return 0;
  }

  #feed(whole: Buffer): void {
    this.#source.emit('data', whole);
    // INVARIANT: the parser has consumed all of `whole`. It would keep an empty remainder and copy every later chunk
    // after it. With the remainder set to null it reads the next chunk in place.
    this.#parser.buffer = null;
  }

  #packet({ header, data }: PcapPacket): void {
    if (header.timestampSeconds !== this.#seconds) {
      this.#seconds = header.timestampSeconds;
      this.#secondsInNanoseconds = BigInt(header.timestampSeconds) * 1_000_000_000n;
    }
    const time = this.#secondsInNanoseconds + BigInt(header.timestampMicroseconds * this.#scale);
    this.#frames.packet(time, this.#linkType, data, header.originalLength);
  }
}

function magicOf(head: Buffer): { littleEndian: boolean; nanoseconds: boolean } | undefined {
  if (head.length < 4) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = littleEndian ? head.readUInt32LE(0) : head.readUInt32BE(0);
    if (magic === MICROSECONDS || magic === NANOSECONDS) return { littleEndian, nanoseconds: magic === NANOSECONDS };
  }
  return undefined;
}
