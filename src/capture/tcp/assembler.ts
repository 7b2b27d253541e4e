/**
 * TCP segments, in the order and the state the capture has them, become connections with two byte streams each.
 * Source: RFC 9293.
 */

import type { ByteSink, Connection, Endpoint, Place, Sender, TcpSegment } from '../types.js';
import { RouteCache } from './routes.js';
import { type Budget, TcpStream } from './stream.js';

export interface TcpLimits {
  /** Connections that are remembered, ended ones among them. Above it those that were silent longest go. */
  readonly connections: number;
  /** Bytes that came too early, in one direction: about the largest receive window that is met in practice. */
  readonly earlyBytes: number;
  /** The same over all connections. */
  readonly earlyBytesInAll: number;
  /** Further segments of a connection after which bytes that their receiver acknowledged, but nobody captured, are a gap. */
  readonly patience: number;
}

export const TCP_LIMITS: TcpLimits = {
  connections: 4096,
  earlyBytes: 4 * 1024 * 1024,
  earlyBytesInAll: 32 * 1024 * 1024,
  patience: 64,
};

/** The part that goes at once when there are too many connections, so that not each new one looks for the oldest. */
const EVICTED_AT_ONCE = 1 / 8;
/** A SYN this little behind what followed it was captured out of order; one of a new connection is elsewhere. */
const MAX_LATE_SYN = 2 ** 20;

/** What the sender of a new connection's bytes shall be called on; undefined when nobody wants them. */
export type OpenConnection = (connection: Connection) => ByteSink | undefined;

/** A connection as it is remembered. */
interface Flow {
  readonly key: string;
  readonly connection: Connection;
  readonly client: TcpStream;
  readonly server: TcpStream;
  lastFrame: number;
  /** No longer in the table. */
  gone: boolean;
}

const IGNORE: ByteSink = { bytes: () => {}, gap: () => {}, end: () => {} };

export class TcpAssembler {
  readonly #open: OpenConnection;
  readonly #limits: TcpLimits;
  readonly #budget: Budget;
  readonly #flows = new Map<string, Flow>();
  readonly #routes = new RouteCache<Flow>();
  #last: Place = { frame: 0, time: 0n };
  /** What was seen so far. `evicted` connections were dropped to stay within the limits while they may have gone on. */
  readonly counts = { connections: 0, segments: 0, evicted: 0 };

  constructor(open: OpenConnection, limits: Partial<TcpLimits> = {}) {
    this.#open = open;
    this.#limits = { ...TCP_LIMITS, ...limits };
    this.#budget = { bytes: 0, perStream: this.#limits.earlyBytes, patience: this.#limits.patience };
  }

  /** Takes the next segment of the capture. Throws only what a sink throws. */
  segment(segment: TcpSegment): void {
    this.#last = segment;
    this.counts.segments++;
    let flow = this.#find(segment);
    if (flow !== undefined && segment.syn && isOfAnother(flow, segment)) {
      this.#drop(flow, segment);
      flow = undefined;
    }
    flow ??= this.#begin(segment);
    flow.lastFrame = segment.frame;
    const fromClient = isFrom(flow, segment);
    const stream = fromClient ? flow.client : flow.server;
    const other = fromClient ? flow.server : flow.client;
    if (segment.rst) {
      if (stream.begun && stream.ahead(segment.sequence) < 0) return;
      stream.close('reset', segment);
      other.close('reset', segment);
      return;
    }
    if (segment.syn) synchronise(stream, other, segment);
    else if (segment.ack) acknowledge(flow, fromClient, segment);
    if (segment.payloadLength > 0) this.#data(stream, segment);
    if (segment.fin) stream.fin(behind(segment), segment);
    stream.waitFor(segment);
    other.waitFor(segment);
  }

  /** The capture ends: so do all connections, after what they still hold. */
  finish(): void {
    for (const flow of this.#flows.values()) this.#drop(flow, this.#last);
  }

  #data(stream: TcpStream, segment: TcpSegment): void {
    const start = segment.syn ? segment.sequence + 1 : segment.sequence;
    stream.data(start, segment.payload, segment.payloadLength, segment);
    if (this.#budget.bytes <= this.#limits.earlyBytesInAll) return;
    for (const { client, server } of this.#flows.values()) {
      client.flush(segment);
      server.flush(segment);
    }
  }

  #find(segment: TcpSegment): Flow | undefined {
    const { source, destination } = segment;
    const known = this.#routes.get(source, destination);
    if (known !== undefined && !known.gone) return known;
    const flow = this.#flows.get(keyOf(source, destination));
    if (flow !== undefined) this.#routes.set(source, destination, flow);
    return flow;
  }

  #begin(segment: TcpSegment): Flow {
    if (this.#flows.size >= this.#limits.connections) this.#evict(segment);
    const key = keyOf(segment.source, segment.destination);
    const sender = senderOf(segment);
    const connection: Connection = {
      number: ++this.counts.connections,
      client: sender === 'client' ? segment.source : segment.destination,
      server: sender === 'client' ? segment.destination : segment.source,
      start: { frame: segment.frame, time: segment.time },
      sawStart: segment.syn && !segment.ack,
    };
    const sink = this.#open(connection) ?? IGNORE;
    const client = new TcpStream('client', sink, this.#budget);
    const server = new TcpStream('server', sink, this.#budget);
    const flow: Flow = { key, connection, client, server, lastFrame: segment.frame, gone: false };
    this.#flows.set(key, flow);
    this.#routes.set(segment.source, segment.destination, flow);
    return flow;
  }

  /** Ended connections first, then the longest silent. */
  #evict(place: Place): void {
    const rank = ({ client, server, lastFrame }: Flow) =>
      client.ended && server.ended ? lastFrame - 2 ** 53 : lastFrame;
    const flows = [...this.#flows.values()].sort((a, b) => rank(a) - rank(b));
    for (const flow of flows.slice(0, Math.ceil(flows.length * EVICTED_AT_ONCE))) {
      if (!flow.client.ended || !flow.server.ended) this.counts.evicted++;
      this.#drop(flow, place);
    }
  }

  #drop(flow: Flow, place: Place): void {
    flow.gone = true;
    this.#flows.delete(flow.key);
    flow.client.close('capture ended', place);
    flow.server.close('capture ended', place);
  }
}

/** The same for both directions. */
function keyOf(a: Endpoint, b: Endpoint): string {
  const first = `${a.address} ${a.port}`;
  const second = `${b.address} ${b.port}`;
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}

/** Who sent the first segment of a connection. */
function senderOf({ syn, ack, source, destination }: TcpSegment): Sender {
  if (syn) return ack ? 'server' : 'client';
  return source.port >= destination.port ? 'client' : 'server';
}

function isFrom({ connection: { client } }: Flow, { source }: TcpSegment): boolean {
  return client === source || (client.port === source.port && client.address === source.address);
}

/** Whether a SYN starts a new connection between the ports of an old one. */
function isOfAnother(flow: Flow, segment: TcpSegment): boolean {
  const stream = isFrom(flow, segment) ? flow.client : flow.server;
  // Refused clients try again, some with the same number.
  if (flow.client.ended && flow.server.ended && !segment.ack) return true;
  if (!stream.begun) return false;
  const ahead = stream.ahead(segment.sequence + 1);
  return ahead > 0 || ahead < -MAX_LATE_SYN;
}

/** A SYN says where its sender's bytes begin, and with ACK where the other's do. */
function synchronise(stream: TcpStream, other: TcpStream, segment: TcpSegment): void {
  if (!stream.begun) stream.begin(segment.sequence + 1);
  if (segment.ack && !other.begun) other.begin(segment.acknowledgement);
}

function acknowledge(flow: Flow, fromClient: boolean, { sequence, acknowledgement }: TcpSegment): void {
  const stream = fromClient ? flow.client : flow.server;
  const other = fromClient ? flow.server : flow.client;
  if (!other.begun && fromClient && flow.connection.sawStart && stream.fresh && stream.ahead(sequence) === 0) {
    // The answer to the client's SYN was not captured, but this is what the client says to it.
    other.begin(acknowledgement);
  }
  other.acknowledge(acknowledgement);
}

/** The sequence number behind the payload. */
function behind({ sequence, syn, payloadLength }: TcpSegment): number {
  return sequence + (syn ? 1 : 0) + payloadLength;
}
