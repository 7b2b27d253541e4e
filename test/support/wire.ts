/** TCP connections for captures: what two sides said to each other, as segments with the right numbers. */
import type { Segment } from './pcap.js';

type From = 'client' | 'server';

/** The sequence numbers of both sides wrap around within the first bytes. */
const FIRST = { client: 0xffff_fff0, server: 0xffff_fffa };

export class Wire {
  readonly port: number;
  readonly #next: Record<From, number> = { ...FIRST };

  /** `port` of the client. */
  constructor(port = 50_000) {
    this.port = port;
  }

  open(): Segment[] {
    return [this.#segment('client', 'S'), this.#segment('server', 'SA'), this.#segment('client', 'A')];
  }

  /** In segments of at most `size` bytes. */
  say(from: From, data: Buffer, size = 1460): Segment[] {
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

/** The frames of a WebSocket's stretch of wire, each with its header. */
export function framesOf(wire: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const second = wire[at + 1] ?? 0;
    const short = second & 0x7f;
    const [header, length] = short === 126 ? [4, wire.readUInt16BE(at + 2)] : [2, short];
    const end = at + header + length + (second & 0x80 ? 4 : 0);
    frames.push(wire.subarray(at, end));
    at = end;
  }
  return frames;
}

/** The chunks of a chunked body, each with its size line. */
export function chunksOf(wire: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const line = wire.indexOf('\r\n', at);
    const end = line + 2 + Number.parseInt(wire.toString('latin1', at, line), 16) + 2;
    chunks.push(wire.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** PDUs by the length in their headers. */
export function pdusOf(stream: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let at = 0; at < stream.length; at += stream.readUInt32LE(at + 4)) {
    pdus.push(stream.subarray(at, at + stream.readUInt32LE(at + 4)));
  }
  return pdus;
}

/** An unmasked or masked binary frame around a PDU. */
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

/** Takes from each list in turn. */
export function inTurn<T>(...lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list.slice(index, index + 1))).flat();
}
