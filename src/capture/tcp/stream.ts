/**
 * One direction of a TCP connection: segments in capture order become bytes in sequence order. Where segments overlap,
 * the bytes captured first are used. Bytes that were not captured become a gap.
 */
import type { ByteSink, Place, Sender } from '../types.js';

/** Memory accounting for out-of-order bytes, shared by all streams of a capture. */
export interface Budget {
  /** Cost of all buffered segments at present. */
  bytes: number;
  /** Limit for one stream. Above it, the first missing bytes are reported as a gap. */
  readonly perStream: number;
  /** Further segments of a connection to wait for missing bytes that the receiver has acknowledged. */
  readonly lossThreshold: number;
}

/** Accounted overhead of a buffered segment in bytes, so that many tiny segments cannot bypass the limit. */
const SEGMENT_OVERHEAD = 512;
/** Largest possible window (RFC 7323). Sequence numbers further ahead are damaged or belong to another connection. */
const MAX_AHEAD = 2 ** 30;
/**
 * Maximum distance by which the start of a stream joined midstream is moved back to the acknowledged sequence number.
 */
const MAX_JOIN = 4 * 1024 * 1024;

interface Held {
  /** Position in the stream. */
  readonly offset: number;
  /** Bytes on the wire. `bytes` has fewer when the packet was truncated. */
  readonly length: number;
  readonly bytes: Buffer;
  readonly place: Place;
}

/** Sink of an ended stream. */
const DISCARD: ByteSink = { bytes: () => {}, gap: () => {}, end: () => {} };

/** Reassembles one direction. All methods call the sink synchronously. */
export class TcpStream {
  readonly #sender: Sender;
  #sink: ByteSink;
  readonly #budget: Budget;
  /** Sequence number of the next byte as a signed 32-bit number, so that differences are correct across the wrap. */
  #next = 0;
  #begun = false;
  /** Position of the next byte in the stream. */
  #offset = 0;
  /** Out-of-order segments: sorted, without overlap, all after `#offset`. */
  #held: Held[] = [];
  #heldCost = 0;
  /** Highest acknowledgement number from the other side. */
  #acknowledged: number | undefined;
  /** Segments of the connection since the first missing byte was acknowledged. */
  #segmentsWaited = 0;
  /** Position of the end, once a FIN was seen. */
  #end: number | undefined;
  #ended = false;

  constructor(sender: Sender, sink: ByteSink, budget: Budget) {
    this.#sender = sender;
    this.#sink = sink;
    this.#budget = budget;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Whether no byte of the stream was seen yet. */
  get isEmpty(): boolean {
    return this.#offset === 0 && this.#held.length === 0;
  }

  /** Distance of a sequence number from the next expected one; negative for old bytes. Valid only when begun. */
  ahead(sequence: number): number {
    return (sequence - this.#next) | 0;
  }

  /** Sets the sequence number of the first byte of the stream. */
  begin(sequence: number): void {
    this.#next = sequence | 0;
    this.#begun = true;
  }

  /** Adds `length` bytes on the wire, of which the first `payload.length` were captured. */
  data(sequence: number, payload: Buffer, length: number, place: Place): void {
    if (this.#ended) return;
    if (!this.#begun && !this.#joinMidstream(sequence, length, place)) return;
    const ahead = this.ahead(sequence);
    if (ahead === 0 && this.#held.length === 0 && this.#end === undefined) {
      this.#deliver(payload, length, place);
      return;
    }
    if (ahead > MAX_AHEAD || ahead + length <= 0) return;
    const offset = this.#offset + ahead;
    const repeated = Math.max(0, -ahead);
    const excess = Math.max(0, offset + length - (this.#end ?? Number.POSITIVE_INFINITY));
    if (repeated + excess >= length) return;
    this.#insert(offset + repeated, payload.subarray(repeated, length - excess), length - repeated - excess, place);
  }

  /** Records that the stream ends at this sequence number. */
  fin(sequence: number, place: Place): void {
    if (this.#ended) return;
    if (!this.#begun) this.#joinMidstream(sequence, 0, place);
    const ahead = this.ahead(sequence);
    if (ahead < 0 || ahead > MAX_AHEAD) return;
    const offset = this.#offset + ahead;
    const last = this.#held.at(-1);
    // INVARIANT: no buffered segment is after the end. A FIN before bytes that were seen is damaged and ignored.
    if (last !== undefined && last.offset + last.length > offset) return;
    this.#end ??= offset;
    this.#finish(place);
  }

  /** Records that the other side has received everything before this sequence number. */
  acknowledge(sequence: number): void {
    if (this.#acknowledged === undefined || ((sequence - this.#acknowledged) | 0) > 0) {
      this.#acknowledged = sequence | 0;
    }
  }

  /**
   * Called after each segment of the connection. If the receiver has acknowledged bytes that are missing here, the
   * capture lost them. They are reported as a gap after `lossThreshold` further segments, since they may only be out of
   * order.
   */
  checkLoss(place: Place): void {
    const first = this.#held[0];
    if (first === undefined) return;
    const received = this.#acknowledged === undefined ? 0 : this.ahead(this.#acknowledged);
    if (received < first.offset - this.#offset) return;
    this.#segmentsWaited++;
    if (this.#segmentsWaited > this.#budget.lossThreshold) this.#skipGap(place);
  }

  /** Delivers all buffered segments, and the missing bytes before them as gaps. */
  flush(place: Place): void {
    while (this.#held.length > 0) this.#skipGap(place);
  }

  /** Ends the stream. A FIN that was seen takes precedence over `how`. */
  close(how: 'reset' | 'capture ended', place: Place): void {
    if (this.#ended) return;
    this.flush(place);
    const missing = this.#missingAtEnd();
    if (missing > 0) this.#gap(missing, place);
    this.#finish(place);
    if (!this.#ended) this.#emitEnd(how, place);
  }

  /** Begins a stream whose start was not captured. Returns false when the segment is only a keep-alive probe. */
  #joinMidstream(sequence: number, length: number, place: Place): boolean {
    let first = sequence | 0;
    if (this.#acknowledged !== undefined) {
      const ahead = (sequence - this.#acknowledged) | 0;
      // A keep-alive probe carries one byte before the expected sequence number: the last byte sent, or garbage.
      if (ahead === -1 && length === 1) return false;
      if (ahead > 0 && ahead <= MAX_JOIN) first = this.#acknowledged;
    }
    this.begin(first);
    this.#sink.gap(this.#sender, undefined, placeOf(place));
    return true;
  }

  /** Delivers the segment when it is next in sequence, or else buffers it. */
  #insert(offset: number, payload: Buffer, length: number, place: Place): void {
    const first = this.#held[0];
    if (offset === this.#offset && (first === undefined || offset + length <= first.offset)) {
      this.#deliver(payload, length, place);
    } else {
      this.#buffer(offset, payload, length, place);
      while (this.#heldCost > this.#budget.perStream) this.#skipGap(place);
    }
    this.#drain(place);
  }

  /** Buffers a copy of those parts of a segment that are not buffered yet. */
  #buffer(offset: number, payload: Buffer, length: number, place: Place): void {
    const end = offset + length;
    let from = offset;
    let index = this.#firstEndingAfter(from);
    while (from < end) {
      const held = this.#held[index];
      const until = held === undefined ? end : Math.min(end, held.offset);
      if (until > from) {
        const bytes = copyOf(payload.subarray(from - offset, until - offset));
        this.#held.splice(index++, 0, { offset: from, length: until - from, bytes, place: placeOf(place) });
        this.#charge(bytes.length + SEGMENT_OVERHEAD);
      }
      if (held === undefined) return;
      from = held.offset + held.length;
      index++;
    }
  }

  /** Index of the first buffered segment that ends after `offset`. Binary search. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const held = this.#held[middle] as Held;
      if (held.offset + held.length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Delivers the buffered segments that are next in sequence. `place` is the packet that completed them; without it,
   * each segment is reported at its own packet.
   */
  #drain(place: Place | undefined): void {
    let count = 0;
    for (;;) {
      const held = this.#held[count];
      if (held === undefined || held.offset !== this.#offset) break;
      count++;
      this.#charge(-held.bytes.length - SEGMENT_OVERHEAD);
      this.#deliver(held.bytes, held.length, place ?? held.place);
    }
    if (count > 0) this.#held.splice(0, count);
  }

  /** Reports the bytes before the first buffered segment as a gap. */
  #skipGap(place: Place): void {
    const first = this.#held[0];
    if (first === undefined) return;
    this.#gap(first.offset - this.#offset, first.place);
    this.#drain(undefined);
    this.#finish(place);
  }

  #gap(length: number, place: Place): void {
    this.#advance(length);
    this.#sink.gap(this.#sender, length, placeOf(place));
  }

  #deliver(payload: Buffer, length: number, place: Place): void {
    this.#advance(length);
    if (payload.length > 0) this.#sink.bytes(this.#sender, payload, placeOf(place));
    if (length > payload.length) this.#sink.gap(this.#sender, length - payload.length, placeOf(place));
    if (this.#end !== undefined) this.#finish(place);
  }

  #advance(length: number): void {
    this.#next = (this.#next + length) | 0;
    this.#offset += length;
    this.#segmentsWaited = 0;
  }

  #finish(place: Place): void {
    if (this.#ended || this.#end === undefined || this.#offset < this.#end) return;
    this.#emitEnd('fin', place);
  }

  #emitEnd(how: 'fin' | 'reset' | 'capture ended', place: Place): void {
    const sink = this.#sink;
    this.#ended = true;
    // Ended connections stay in the table for a while. Dropping the reference frees the sink and all it refers to.
    this.#sink = DISCARD;
    sink.end(this.#sender, how, placeOf(place));
  }

  /** Number of bytes missing at the end, according to the FIN or to the acknowledgements of the receiver. */
  #missingAtEnd(): number {
    if (!this.#begun) return 0;
    if (this.#end !== undefined) return this.#end - this.#offset;
    const received = this.#acknowledged === undefined ? 0 : this.ahead(this.#acknowledged);
    // A difference of 1 may be a FIN that was not captured, which occupies a sequence number.
    return received > 1 && received <= MAX_AHEAD ? received : 0;
  }

  #charge(bytes: number): void {
    this.#heldCost += bytes;
    this.#budget.bytes += bytes;
  }
}

/** Copies a place. A `TcpSegment` is also a `Place`, but keeping it would keep its packet in memory. */
function placeOf({ frame, time }: Place): Place {
  return { frame, time };
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
