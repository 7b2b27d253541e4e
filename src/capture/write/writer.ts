/**
 * Writes the streams inside tunnels as a pcap file with nanoseconds (draft-ietf-opsawg-pcap) and raw IP. Each stream
 * becomes a synthetic TCP connection from the client directly to its target, so that Wireshark can dissect RDP.
 */
import type { Direction } from '../conversation/conversation.js';
import type { Endpoint } from '../types.js';
import { Addresses } from './addresses.js';
import { type Ends, FLAG, packetOf } from './packet.js';

/** Data bytes in one packet; an IP packet with its headers has at most 65,535 bytes. */
export const MSS = 65_000;
/** Connections that are open at a time; beyond it the oldest gets no more packets, not even a FIN. */
export const MAX_WRITTEN = 4096;
/** The target's port if it is unknown. Wireshark recognises RDP by this port. */
export const RDP_PORT = 3389;

/** LINKTYPE_RAW: packets begin with their IP header. */
const LINKTYPE_RAW = 101;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const SNAP_LENGTH = 262_144;
/** Bytes after which the receiver acknowledges. Far below the window, so that Wireshark never reports it as full. */
const ACKNOWLEDGE_EVERY = 256 * 1024;
/** Bytes written as missing for a gap of unknown length. */
const UNKNOWN_GAP = 1;
const SEQUENCES = 2 ** 32;

/** The endpoints of a conversation as written to the file. */
export interface WrittenEnds extends Ends {
  /** The target is a host name, and `target` is a documentation address in its place (RFC 5737, RFC 3849). */
  readonly placeholder: boolean;
}

interface Side {
  /** Sequence number of the next byte it sends. */
  next: number;
  /** Last acknowledgement number it sent. */
  acknowledged: number;
}

interface Flow {
  readonly ends: Ends;
  readonly client: Side;
  readonly server: Side;
}

type From = 'client' | 'server';

/**
 * A streaming pcap writer. Every Buffer passed to `write` is new and is not modified later; the first one is the file
 * header. Times are nanoseconds since the epoch. Calls for a conversation that was not started, or has ended, are
 * ignored.
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

  /** Number of packets written so far. */
  get packets(): number {
    return this.#packets;
  }

  /**
   * The first MAX_PLACEHOLDERS host names and their placeholder addresses 192.0.2.N. For a client on IPv6 the file has
   * 2001:db8::N instead; `conversation` returns the address that was written.
   */
  get placeholders(): ReadonlyMap<string, string> {
    return this.#addresses.placeholders;
  }

  /**
   * Starts a conversation with a TCP handshake. A `target.port` of 0 means RDP_PORT; `target.address` may be a host
   * name.
   */
  conversation(number: number, client: Endpoint, target: Endpoint, at: bigint): WrittenEnds {
    const { ends, placeholder } = this.#addresses.assign(
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

  /** Writes the payload of a DATA; `bytes` are copied. */
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

  /** Skips `length` missing bytes (undefined: an unknown number). Wireshark reports "previous segment not captured". */
  gap(number: number, direction: Direction, length: number | undefined, at: bigint): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    const from: From = direction === 'client-to-server' ? 'client' : 'server';
    // Everything before the gap is acknowledged first, so that only the gap is missing.
    this.#acknowledge(flow, from, 1, at);
    flow[from].next = (flow[from].next + Math.max(0, length ?? UNKNOWN_GAP)) % SEQUENCES;
  }

  /** Ends a conversation: both sides send a FIN. */
  end(number: number, at: bigint): void {
    const flow = this.#flows.get(number);
    if (flow === undefined) return;
    this.#flows.delete(number);
    this.#packet(flow, 'client', FLAG.fin | FLAG.ack, at);
    this.#packet(flow, 'server', FLAG.fin | FLAG.ack, at);
    this.#packet(flow, 'client', FLAG.ack, at);
  }

  /** Writes an ACK from the receiver of `from`'s bytes when at least `threshold` bytes are unacknowledged. */
  #acknowledge(flow: Flow, from: From, threshold: number, at: bigint): void {
    const receiver = from === 'client' ? 'server' : 'client';
    const unacknowledged = (flow[from].next - flow[receiver].acknowledged + SEQUENCES) % SEQUENCES;
    if (unacknowledged >= threshold) this.#packet(flow, receiver, FLAG.ack, at);
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

/** Far apart for consecutive conversations, so that Wireshark sees a reused port as a new connection. */
function firstSequence(number: number, side: 1 | 2): number {
  return Math.imul(number * 2 + side, 0x9e3779b1) >>> 0;
}
