/**
 * TCP reassembly. Segments in capture order, which may be lost, repeated or out of order, become connections with two
 * byte streams each. Source: RFC 9293.
 */
import type { ByteSink, Connection, Endpoint, Place, Sender, TcpSegment } from '../types.js';
import { RouteCache } from './routes.js';
import { type Budget, TcpStream } from './stream.js';

/** Memory limits of a `TcpAssembler`. */
export interface TcpLimits {
  /** Connections kept at a time, including ended ones. Above it, ended and then the longest idle ones are evicted. */
  readonly connections: number;
  /** Out-of-order bytes buffered in one direction. The default is about the largest receive window in practice. */
  readonly outOfOrderBytes: number;
  /** Out-of-order bytes buffered in all connections together. */
  readonly totalOutOfOrderBytes: number;
  /**
   * Further segments of a connection after which bytes that were acknowledged but not captured are reported as a gap.
   */
  readonly lossThreshold: number;
}

/** Default limits. */
export const TCP_LIMITS: TcpLimits = {
  connections: 4096,
  outOfOrderBytes: 4 * 1024 * 1024,
  totalOutOfOrderBytes: 32 * 1024 * 1024,
  lossThreshold: 64,
};

/** Fraction of the connections evicted at a time, so that not every new connection has to search for the oldest one. */
const EVICTED_FRACTION = 1 / 8;
/**
 * A SYN up to this far before the expected sequence number was captured late; any other belongs to a new connection.
 */
const MAX_LATE_SYN = 2 ** 20;

/** Called for each new connection. Returns the sink for its two streams, or undefined to discard them. */
export type OpenConnection = (connection: Connection) => ByteSink | undefined;

/** State of a connection. */
interface Flow {
  readonly key: string;
  readonly connection: Connection;
  readonly client: TcpStream;
  readonly server: TcpStream;
  lastFrame: number;
  /** Set when the flow is removed from the table, since the route cache may still hold it. */
  removed: boolean;
}

const DISCARD: ByteSink = { bytes: () => {}, gap: () => {}, end: () => {} };

/** Reassembles all TCP connections of a capture. Memory is bounded by `TcpLimits`. */
export class TcpAssembler {
  readonly #open: OpenConnection;
  readonly #limits: TcpLimits;
  readonly #budget: Budget;
  readonly #flows = new Map<string, Flow>();
  readonly #routes = new RouteCache<Flow>();
  #last: Place = { frame: 0, time: 0n };
  /** Totals so far. `evicted` counts connections that were evicted although they had not ended. */
  readonly counts = { connections: 0, segments: 0, evicted: 0 };

  constructor(open: OpenConnection, limits: Partial<TcpLimits> = {}) {
    this.#open = open;
    this.#limits = { ...TCP_LIMITS, ...limits };
    this.#budget = { bytes: 0, perStream: this.#limits.outOfOrderBytes, lossThreshold: this.#limits.lossThreshold };
  }

  /** Processes the next segment of the capture. Throws only errors that a sink throws. */
  segment(segment: TcpSegment): void {
    this.#last = segment;
    this.counts.segments++;
    let flow = this.#find(segment);
    if (flow !== undefined && segment.syn && startsConnection(flow, segment)) {
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
    if (segment.syn) synchronize(stream, other, segment);
    else if (segment.ack) acknowledge(flow, fromClient, segment);
    if (segment.payloadLength > 0) this.#data(stream, segment);
    if (segment.fin) stream.fin(endSequence(segment), segment);
    stream.checkLoss(segment);
    other.checkLoss(segment);
  }

  /** Ends the capture: flushes the buffered bytes of all connections and ends their streams. */
  finish(): void {
    for (const flow of this.#flows.values()) this.#drop(flow, this.#last);
  }

  #data(stream: TcpStream, segment: TcpSegment): void {
    const start = segment.syn ? segment.sequence + 1 : segment.sequence;
    stream.data(start, segment.payload, segment.payloadLength, segment);
    if (this.#budget.bytes <= this.#limits.totalOutOfOrderBytes) return;
    for (const { client, server } of this.#flows.values()) {
      client.flush(segment);
      server.flush(segment);
    }
  }

  #find(segment: TcpSegment): Flow | undefined {
    const { source, destination } = segment;
    const known = this.#routes.get(source, destination);
    if (known !== undefined && !known.removed) return known;
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
    const sink = this.#open(connection) ?? DISCARD;
    const client = new TcpStream('client', sink, this.#budget);
    const server = new TcpStream('server', sink, this.#budget);
    const flow: Flow = { key, connection, client, server, lastFrame: segment.frame, removed: false };
    this.#flows.set(key, flow);
    this.#routes.set(segment.source, segment.destination, flow);
    return flow;
  }

  /** Evicts ended connections first, then the longest idle. */
  #evict(place: Place): void {
    const rank = ({ client, server, lastFrame }: Flow) =>
      client.ended && server.ended ? lastFrame - 2 ** 53 : lastFrame;
    const flows = [...this.#flows.values()].sort((a, b) => rank(a) - rank(b));
    for (const flow of flows.slice(0, Math.ceil(flows.length * EVICTED_FRACTION))) {
      if (!flow.client.ended || !flow.server.ended) this.counts.evicted++;
      this.#drop(flow, place);
    }
  }

  #drop(flow: Flow, place: Place): void {
    flow.removed = true;
    this.#flows.delete(flow.key);
    flow.client.close('capture ended', place);
    flow.server.close('capture ended', place);
  }
}

/** Connection key, equal for both directions. */
function keyOf(a: Endpoint, b: Endpoint): string {
  const first = `${a.address} ${a.port}`;
  const second = `${b.address} ${b.port}`;
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}

/** Sender of the first captured segment of a connection. Without a SYN, the client is the side with the higher port. */
function senderOf({ syn, ack, source, destination }: TcpSegment): Sender {
  if (syn) return ack ? 'server' : 'client';
  return source.port >= destination.port ? 'client' : 'server';
}

function isFrom({ connection: { client } }: Flow, { source }: TcpSegment): boolean {
  return client === source || (client.port === source.port && client.address === source.address);
}

/** Whether a SYN starts a new connection that reuses the ports of `flow`. */
function startsConnection(flow: Flow, segment: TcpSegment): boolean {
  const stream = isFrom(flow, segment) ? flow.client : flow.server;
  // A refused client tries again, possibly with the same initial sequence number.
  if (flow.client.ended && flow.server.ended && !segment.ack) return true;
  if (!stream.begun) return false;
  const ahead = stream.ahead(segment.sequence + 1);
  return ahead > 0 || ahead < -MAX_LATE_SYN;
}

/** A SYN has the first sequence number of its stream, and with ACK also that of the other stream. */
function synchronize(stream: TcpStream, other: TcpStream, segment: TcpSegment): void {
  if (!stream.begun) stream.begin(segment.sequence + 1);
  if (segment.ack && !other.begun) other.begin(segment.acknowledgement);
}

function acknowledge(flow: Flow, fromClient: boolean, { sequence, acknowledgement }: TcpSegment): void {
  const stream = fromClient ? flow.client : flow.server;
  const other = fromClient ? flow.server : flow.client;
  if (!other.begun && fromClient && flow.connection.sawStart && stream.isEmpty && stream.ahead(sequence) === 0) {
    // The SYN-ACK was not captured, but this ACK of the client acknowledges it.
    other.begin(acknowledgement);
  }
  other.acknowledge(acknowledgement);
}

/** The sequence number after the payload. */
function endSequence({ sequence, syn, payloadLength }: TcpSegment): number {
  return sequence + (syn ? 1 : 0) + payloadLength;
}
