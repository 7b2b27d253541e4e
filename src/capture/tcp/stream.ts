/**
 * One direction of a TCP connection: segments as the capture has them become bytes in order. What was captured first wins
 * where segments overlap; what was never captured becomes a gap.
 */
import type { ByteSink, Place, Sender } from '../types.js';

/** Memory for bytes that came too early, shared by all directions of a capture. */
export interface Budget {
  bytes: number;
  /** In one direction, at most; above it the hole in front of them is given up. */
  readonly perStream: number;
  /** Further segments of a connection to wait for missing bytes that their receiver has acknowledged already. */
  readonly patience: number;
}

/** What a held segment costs beside its bytes, so that tiny ones cannot get around the cap. */
const HELD_COST = 512;
/** Sequence numbers further ahead than any window reaches (RFC 7323) are damage, and of another connection. */
const MAX_AHEAD = 2 ** 30;
/** How far behind its acknowledgement a stream that is joined in the middle is believed to begin. */
const MAX_JOIN = 4 * 1024 * 1024;

interface Held {
  /** Position in the stream. */
  readonly offset: number;
  /** Bytes on the wire, of which the first are in `bytes`. */
  readonly length: number;
  readonly bytes: Buffer;
  readonly place: Place;
}

/** Where what comes after the end goes. */
const NOBODY: ByteSink = { bytes: () => {}, gap: () => {}, end: () => {} };

export class TcpStream {
  readonly #sender: Sender;
  #sink: ByteSink;
  readonly #budget: Budget;
  /** Sequence number of the next byte, as a signed number: differences survive the wrap. */
  #next = 0;
  #begun = false;
  /** Position of that byte in the stream. */
  #offset = 0;
  /** Sorted, without overlap, all behind `#offset`. */
  #held: Held[] = [];
  #heldCost = 0;
  /** The sequence number that the other side expects, as far as it said. */
  #acknowledged: number | undefined;
  #waited = 0;
  /** Position of the end, once a FIN said so. */
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

  /** Whether no byte came yet, so that what begins now misses nothing. */
  get fresh(): boolean {
    return this.#offset === 0 && this.#held.length === 0;
  }

  /** How far a sequence number is ahead of the next one; negative for what is old. Only when begun. */
  ahead(sequence: number): number {
    return (sequence - this.#next) | 0;
  }

  /** The first byte of the stream will have this sequence number. */
  begin(sequence: number): void {
    this.#next = sequence | 0;
    this.#begun = true;
  }

  /** `length` bytes on the wire, of which `payload` was captured. */
  data(sequence: number, payload: Buffer, length: number, place: Place): void {
    if (this.#ended) return;
    if (!this.#begun && !this.#join(sequence, length, place)) return;
    const ahead = this.ahead(sequence);
    if (ahead === 0 && this.#held.length === 0 && this.#end === undefined) {
      this.#deliver(payload, length, place);
      return;
    }
    if (ahead > MAX_AHEAD || ahead + length <= 0) return;
    const offset = this.#offset + ahead;
    const old = Math.max(0, -ahead);
    const tooLong = Math.max(0, offset + length - (this.#end ?? Number.POSITIVE_INFINITY));
    if (old + tooLong >= length) return;
    this.#place(offset + old, payload.subarray(old, length - tooLong), length - old - tooLong, place);
  }

  /** The stream ends at this sequence number. */
  fin(sequence: number, place: Place): void {
    if (this.#ended) return;
    if (!this.#begun) this.#join(sequence, 0, place);
    const ahead = this.ahead(sequence);
    if (ahead < 0 || ahead > MAX_AHEAD) return;
    const offset = this.#offset + ahead;
    const last = this.#held.at(-1);
    // INVARIANT: nothing is held behind the end. A FIN before bytes that were seen is damage.
    if (last !== undefined && last.offset + last.length > offset) return;
    this.#end ??= offset;
    this.#finish(place);
  }

  /** The other side has everything before this sequence number. */
  acknowledge(sequence: number): void {
    if (this.#acknowledged === undefined || ((sequence - this.#acknowledged) | 0) > 0) {
      this.#acknowledged = sequence | 0;
    }
  }

  /**
   * A further segment of the connection was seen. When the receiver has bytes that are missing here, the capture lost them:
   * they come no more, once a few further segments show that they are not just late.
   */
  waitFor(place: Place): void {
    const first = this.#held[0];
    if (first === undefined) return;
    const received = this.#acknowledged === undefined ? 0 : this.ahead(this.#acknowledged);
    if (received < first.offset - this.#offset) return;
    this.#waited++;
    if (this.#waited > this.#budget.patience) this.#giveUp(place);
  }

  /** Hands on all that came too early, with the holes before it as gaps. */
  flush(place: Place): void {
    while (this.#held.length > 0) this.#giveUp(place);
  }

  /** Nothing follows. A FIN that was seen goes before `how`. */
  close(how: 'reset' | 'capture ended', place: Place): void {
    if (this.#ended) return;
    this.flush(place);
    const missing = this.#missingAtEnd();
    if (missing > 0) this.#gap(missing, place);
    this.#finish(place);
    if (!this.#ended) this.#tellEnd(how, place);
  }

  /** Begins in the middle; gives false when these bytes are only a keep-alive probe. */
  #join(sequence: number, length: number, place: Place): boolean {
    let first = sequence | 0;
    if (this.#acknowledged !== undefined) {
      const ahead = (sequence - this.#acknowledged) | 0;
      // A probe repeats the last byte, or one that never was.
      if (ahead === -1 && length === 1) return false;
      if (ahead > 0 && ahead <= MAX_JOIN) first = this.#acknowledged;
    }
    this.begin(first);
    this.#sink.gap(this.#sender, undefined, where(place));
    return true;
  }

  /** Delivers what is next, holds what is not. */
  #place(offset: number, payload: Buffer, length: number, place: Place): void {
    const first = this.#held[0];
    if (offset === this.#offset && (first === undefined || offset + length <= first.offset)) {
      this.#deliver(payload, length, place);
    } else {
      this.#hold(offset, payload, length, place);
      while (this.#heldCost > this.#budget.perStream) this.#giveUp(place);
    }
    this.#drain(place);
  }

  /** Keeps a copy of those parts that are not held already. */
  #hold(offset: number, payload: Buffer, length: number, place: Place): void {
    const end = offset + length;
    let from = offset;
    let index = this.#firstEndingBehind(from);
    while (from < end) {
      const held = this.#held[index];
      const until = held === undefined ? end : Math.min(end, held.offset);
      if (until > from) {
        const bytes = copyOf(payload.subarray(from - offset, until - offset));
        this.#held.splice(index++, 0, { offset: from, length: until - from, bytes, place: where(place) });
        this.#charge(bytes.length + HELD_COST);
      }
      if (held === undefined) return;
      from = held.offset + held.length;
      index++;
    }
  }

  /** Where in the sorted list the first one stands that ends behind `offset`. */
  #firstEndingBehind(offset: number): number {
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

  /** Delivers what is held and next by now: completed by `place`, or by the packet it came in when the hole was given up. */
  #drain(place: Place | undefined): void {
    let count = 0;
    for (;;) {
      const held = this.#held[count];
      if (held === undefined || held.offset !== this.#offset) break;
      count++;
      this.#charge(-held.bytes.length - HELD_COST);
      this.#deliver(held.bytes, held.length, place ?? held.place);
    }
    if (count > 0) this.#held.splice(0, count);
  }

  #giveUp(place: Place): void {
    const first = this.#held[0];
    if (first === undefined) return;
    this.#gap(first.offset - this.#offset, first.place);
    this.#drain(undefined);
    this.#finish(place);
  }

  #gap(length: number, place: Place): void {
    this.#advance(length);
    this.#sink.gap(this.#sender, length, where(place));
  }

  #deliver(payload: Buffer, length: number, place: Place): void {
    this.#advance(length);
    if (payload.length > 0) this.#sink.bytes(this.#sender, payload, where(place));
    if (length > payload.length) this.#sink.gap(this.#sender, length - payload.length, where(place));
    if (this.#end !== undefined) this.#finish(place);
  }

  #advance(length: number): void {
    this.#next = (this.#next + length) | 0;
    this.#offset += length;
    this.#waited = 0;
  }

  #finish(place: Place): void {
    if (this.#ended || this.#end === undefined || this.#offset < this.#end) return;
    this.#tellEnd('fin', place);
  }

  #tellEnd(how: 'fin' | 'reset' | 'capture ended', place: Place): void {
    const sink = this.#sink;
    this.#ended = true;
    // An ended connection is remembered for a while; what hangs on its sink need not be.
    this.#sink = NOBODY;
    sink.end(this.#sender, how, where(place));
  }

  /** Bytes behind the last one seen that a FIN or the receiver speaks of. */
  #missingAtEnd(): number {
    if (!this.#begun) return 0;
    if (this.#end !== undefined) return this.#end - this.#offset;
    const received = this.#acknowledged === undefined ? 0 : this.ahead(this.#acknowledged);
    // One may be the FIN that was not captured, which counts as a byte.
    return received > 1 && received <= MAX_AHEAD ? received : 0;
  }

  #charge(bytes: number): void {
    this.#heldCost += bytes;
    this.#budget.bytes += bytes;
  }
}

/** A segment is a place too, but one that keeps its packet in memory. */
function where({ frame, time }: Place): Place {
  return { frame, time };
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
