/** Builds TCP connections for captures: segments with correct sequence and acknowledgement numbers. */
import type { Segment } from './pcap.js';

type From = 'client' | 'server';

/** Initial sequence numbers. Those of both sides wrap around within the first bytes. */
const FIRST = { client: 0xffff_fff0, server: 0xffff_fffa };

export class TcpConversation {
  readonly port: number;
  readonly #next: Record<From, number> = { ...FIRST };

  /** `port` is the port of the client. */
  constructor(port = 50_000) {
    this.port = port;
  }

  open(): Segment[] {
    return [this.#segment('client', 'S'), this.#segment('server', 'SA'), this.#segment('client', 'A')];
  }

  /** Sends data in segments of at most `size` bytes. */
  send(from: From, data: Buffer, size = 1460): Segment[] {
    const segments: Segment[] = [];
    for (let at = 0; at < data.length; at += size)
      segments.push(this.#segment(from, 'PA', data.subarray(at, at + size)));
    return segments;
  }

  close(): Segment[] {
    return [this.#segment('client', 'FA'), this.#segment('server', 'FA'), this.#segment('client', 'A')];
  }

  #segment(from: From, flags: string, data: Buffer = Buffer.alloc(0)): Segment {
    const sequence = this.#next[from];
    const acknowledgement = flags === 'S' ? 0 : this.#next[from === 'client' ? 'server' : 'client'];
    this.#next[from] = (sequence + data.length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    return { from, sequence, acknowledgement, flags, data, clientPort: this.port };
  }
}

/** Splits bytes of a WebSocket into frames with their headers. */
export function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const second = bytes[at + 1] ?? 0;
    const short = second & 0x7f;
    const [header, length] = short === 126 ? [4, bytes.readUInt16BE(at + 2)] : [2, short];
    const end = at + header + length + (second & 0x80 ? 4 : 0);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** Splits a chunked body into chunks with their size lines. */
export function chunksOf(body: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const line = body.indexOf('\r\n', at);
    const end = line + 2 + Number.parseInt(body.toString('latin1', at, line), 16) + 2;
    chunks.push(body.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** Splits a stream into PDUs by the packetLength of their headers. */
export function pdusOf(stream: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let at = 0; at < stream.length; at += stream.readUInt32LE(at + 4)) {
    pdus.push(stream.subarray(at, at + stream.readUInt32LE(at + 4)));
  }
  return pdus;
}

/** A binary WebSocket frame with a PDU, masked if there is a key. */
export function frame(pdu: Buffer, key?: Buffer): Buffer {
  const long = pdu.length > 125;
  const header = Buffer.alloc(long ? 4 : 2);
  header[0] = 0x82;
  header[1] = (key ? 0x80 : 0) | (long ? 126 : pdu.length);
  if (long) header.writeUInt16BE(pdu.length, 2);
  if (!key) return Buffer.concat([header, pdu]);
  const masked = Buffer.from(pdu.map((byte, index) => byte ^ (key[index & 3] as number)));
  return Buffer.concat([header, key, masked]);
}

/** Takes one item of each list in turn. */
export function interleave<T>(...lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list.slice(index, index + 1))).flat();
}
