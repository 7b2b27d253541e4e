/**
 * The streams inside tunnels as a capture of their own: classic pcap with nanoseconds (draft-ietf-opsawg-pcap), raw IP, and
 * TCP connections that never existed, from each client straight to its target. What Wireshark needs to see RDP, and no more.
 */
import type { Direction } from '../conversation/conversation.js';
import type { Endpoint } from '../types.js';
import { Addresses } from './addresses.js';
import { type Ends, FLAG, packetOf } from './packet.js';

/** Data bytes in one packet: an IP packet has at most 65535 bytes with its headers. */
export const MSS = 65_000;
/** Connections written at a time; beyond, the oldest gets no more packets, not even an end. */
export const MAX_WRITTEN = 4096;
/** Where RDP listens when the target's port is unknown, and what Wireshark recognises it by. */
export const RDP_PORT = 3389;

/** LINKTYPE_RAW: packets begin with their IP header. */
const LINKTYPE_RAW = 101;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const SNAP_LENGTH = 262_144;
/** Bytes after which the other side says that it has them; far below the window, so that it never looks full. */
const ACKNOWLEDGE_EVERY = 256 * 1024;
/** A gap of unknown length is shown as one missing byte. */
const UNKNOWN_GAP = 1;
const SEQUENCES = 2 ** 32;

/** How a conversation appears in the file. */
export interface WrittenEnds extends Ends {
  /** The target is a host name, and this is a documentation address in its place (RFC 5737, RFC 3849). */
  readonly placeholder: boolean;
}

interface Side {
  /** Sequence number of its next byte. */
  next: number;
  /** What it has acknowledged of the other side. */
  acknowledged: number;
}

interface Flow {
  readonly ends: Ends;
  readonly client: Side;
  readonly server: Side;
}

type From = 'client' | 'server';

/**
 * Writes as it goes. Each Buffer handed to `write` is new and stays as it is, the first one is the file header. Times are
 * nanoseconds since the epoch. What concerns a conversation that was not announced, or has ended, is ignored.
 */
export class PcapWriter {
  readonly #write: (bytes: Buffer) => void;
  readonly #addresses = new Addresses();
  readonly #flows = new Map<number, Flow>();
  #packets = 0;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
    write(fileHeader());
  }

  /** Packets written so far. */
  get packets(): number {
    return this.#packets;
  }

  /**
   * Host names and the addresses that stand for them, the first MAX_PLACEHOLDERS. For a client on IPv6 it is 2001:db8::N
   * in place of 192.0.2.N; what `conversation` returns is exact.
   */
  get placeholders(): ReadonlyMap<string, string> {
    return this.#addresses.placeholders;
  }

  /** A TCP handshake. `target.port` 0 means 3389; `target.address` may be a host name. */
  conversation(number: number, client: Endpoint, target: Endpoint, at: bigint): WrittenEnds {
    const { ends, placeholder } = this.#addresses.place(
      client,
      { address: target.address, port: target.port || RDP_PORT },
      number,
    );
    const flow: Flow = {
      ends,
      client: { next: firstSequence(number, 1), acknowledged: 0 },
      server: { next: firstSequence(number, 2), acknowledged: 0 },
    };
    this.#flows.delete(number);
    if (this.#flows.size >= MAX_WRITTEN) {
      const [oldest] = this.#flows.keys();
      if (oldest !== undefined) this.#flows.delete(oldest);
    }
    this.#flows.set(number, flow);
    this.#packet(flow, 'client', FLAG.syn, at);
    this.#packet(flow, 'server', FLAG.syn | FLAG.ack, at);
    this.#packet(flow, 'client', FLAG.ack, at);
    return { ...ends, placeholder };
  }

  /** The payload of a DATA; `bytes` is copied. */
  data(number: number, direction: Direction, bytes: Buffer, at: bigint): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    const from: From = direction === 'client-to-server' ? 'client' : 'server';
    for (let offset = 0; offset < bytes.length; offset += MSS) {
      const last = offset + MSS >= bytes.length;
      this.#packet(flow, from, FLAG.ack | (last ? FLAG.push : 0), at, bytes.subarray(offset, offset + MSS));
      this.#acknowledge(flow, from, ACKNOWLEDGE_EVERY, at);
    }
  }

  /** Bytes that the capture lacks: Wireshark shows a segment that was not captured. `length` undefined: nobody knows. */
  gap(number: number, direction: Direction, length: number | undefined, at: bigint): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    const from: From = direction === 'client-to-server' ? 'client' : 'server';
    // What was sent until here is acknowledged first, so that the gap is all that is missing.
    this.#acknowledge(flow, from, 1, at);
    flow[from].next = (flow[from].next + Math.max(0, length ?? UNKNOWN_GAP)) % SEQUENCES;
  }

  /** Both sides close. */
  end(number: number, at: bigint): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    this.#flows.delete(number);
    this.#packet(flow, 'client', FLAG.fin | FLAG.ack, at);
    this.#packet(flow, 'server', FLAG.fin | FLAG.ack, at);
    this.#packet(flow, 'client', FLAG.ack, at);
  }

  /** The receiver of what `from` sent says so, when it is `enough`. */
  #acknowledge(flow: Flow, from: From, enough: number, at: bigint): void {
    const receiver = from === 'client' ? 'server' : 'client';
    const open = (flow[from].next - flow[receiver].acknowledged + SEQUENCES) % SEQUENCES;
    if (open >= enough) this.#packet(flow, receiver, FLAG.ack, at);
  }

  #packet(flow: Flow, from: From, flags: number, at: bigint, data: Buffer = NOTHING): void {
    const self = flow[from];
    const other = flow[from === 'client' ? 'server' : 'client'];
    const acknowledgement = (flags & FLAG.ack) !== 0 ? other.next : 0;
    const source = from === 'client' ? flow.ends.client : flow.ends.target;
    const destination = from === 'client' ? flow.ends.target : flow.ends.client;
    const sequence = self.next;
    this.#packets += 1;
    this.#write(
      packetOf({ source, destination, sequence, acknowledgement, flags, data, id: this.#packets, at, mss: MSS }),
    );
    self.next = (sequence + data.length + ((flags & (FLAG.syn | FLAG.fin)) !== 0 ? 1 : 0)) % SEQUENCES;
    if ((flags & FLAG.ack) !== 0) self.acknowledged = other.next;
  }
}

const NOTHING = Buffer.alloc(0);

function fileHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(NANOSECOND_MAGIC, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAP_LENGTH, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  return header;
}

/** Far apart for connections that follow each other, so that a port used again is seen to be a new connection. */
function firstSequence(number: number, side: 1 | 2): number {
  return Math.imul(number * 2 + side, 0x9e3779b1) >>> 0;
}
