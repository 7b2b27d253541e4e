/** TLS record layer of one direction: splits chunks into records. A record inside one chunk is a view of it. */
import type { Place } from '../types.js';
import { type Gap, NO_GAP, oneRecord, plus, recordsIn, sum } from './gap.js';
import { RECORD_HEADER } from './record-format.js';

/** Receives the records of one direction. */
export interface RecordSink {
  /** A whole record with its header: a view, valid until this returns. */
  record(record: Buffer, place: Place): void;
  /** Reports missing records before the next one. */
  lost(loss: Gap, place: Place): void;
  /** The input is not TLS from `bytes` on, and later input is ignored. `first`: no record header was seen before. */
  invalid(bytes: Buffer, first: boolean, place: Place): void;
}

/** Longest record: 2^14 bytes and up to 2048 bytes of protection (RFC 5246 section 6.2.3; 256 in TLS 1.3). */
export const MAX_RECORD = RECORD_HEADER + 16_384 + 2048;

/** Bytes searched for a record header after a gap: several times the longest record. */
export const MAX_SEARCH = 128 * 1024;

/** Pooled buffers for records that span chunks, which most records of a capture do. */
const pool: Buffer[] = [];
const MAX_POOLED = 32;

/** First bytes of an application data record. In TLS 1.3 every record after the handshake starts with them. */
const APPLICATION_DATA = Buffer.from([23, 3, 3]);

const EMPTY = Buffer.alloc(0);

/** Whether a plausible record header is at `at`. `bytes` must have 5 bytes from there. */
export function isRecordHeader(bytes: Buffer, at = 0): boolean {
  const type = bytes[at] ?? 0;
  return (
    type >= 20 && type <= 24 && bytes[at + 1] === 3 && (bytes[at + 2] ?? 9) <= 4 && lengthAt(bytes, at) <= MAX_RECORD
  );
}

/** State of the search for the next record after a gap that may contain record headers. */
interface Search {
  /** Bytes not searched yet, possibly the start of the next record. */
  readonly kept: Buffer;
  /** Number of bytes searched. */
  readonly seen: number;
  /** Lost before the next record: the record whose header was seen, if any. */
  readonly known: Gap;
  /** Lost bytes with unknown record boundaries; undefined: unknown. */
  readonly wire: number | undefined;
  /** Whether `wire` starts with a record whose start was captured. */
  readonly begun: boolean;
}

/** Splits a byte stream into records. Buffers at most `MAX_RECORD` bytes, plus one chunk while it searches. */
export class RecordReader {
  readonly #sink: RecordSink;
  /** An incomplete record: `#filled` of its bytes were received. After a gap inside it, bytes are only counted. */
  #partial: Buffer | undefined;
  #filled = 0;
  #hasGap = false;
  #search: Search | undefined;
  #first = true;
  #done = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer, place: Place): void {
    if (this.#done) return;
    if (this.#search) this.#resync(bytes, false, place);
    else this.#read(bytes, place);
  }

  /** Reports `length` missing bytes (undefined: unknown number). */
  gap(length: number | undefined, place: Place): void {
    if (this.#done) return;
    if (this.#search) {
      const { kept, wire } = this.#search;
      this.#search = { ...this.#search, kept: EMPTY, wire: sum(wire, sum(length, kept.length)) };
      return;
    }
    const hasHeader = this.#filled >= RECORD_HEADER;
    const missing = this.#missing();
    if (hasHeader && length !== undefined && length <= missing) {
      this.#hasGap = true;
      this.#filled += length;
      this.#finish(place);
      return;
    }
    const received = this.#filled;
    this.#release();
    this.#search = hasHeader
      ? { kept: EMPTY, seen: 0, known: oneRecord(received + missing), wire: sum(length, -missing), begun: false }
      : { kept: EMPTY, seen: 0, known: NO_GAP, wire: sum(length, received), begun: received > 0 };
  }

  /** Ends the stream, reports records that were being searched for as lost, and returns buffers to the pool. */
  end(place: Place): void {
    if (this.#search && !this.#done) this.#resync(EMPTY, true, place);
    const search = this.#search;
    if (search && !this.#done) {
      this.#sink.lost(plus(search.known, recordsIn(sum(search.wire, search.kept.length), true)), place);
    }
    this.#done = true;
    this.#search = undefined;
    this.#release();
  }

  #read(bytes: Buffer, place: Place): void {
    let at = this.#filled > 0 ? this.#fill(bytes, place) : 0;
    while (bytes.length - at >= RECORD_HEADER && !this.#done) {
      if (!isRecordHeader(bytes, at)) return this.#fail(bytes.subarray(at), place);
      this.#first = false;
      const end = at + lengthAt(bytes, at);
      if (end > bytes.length) break;
      this.#sink.record(bytes.subarray(at, end), place);
      at = end;
    }
    if (at < bytes.length && !this.#done) {
      this.#partial = pool.pop() ?? Buffer.allocUnsafeSlow(MAX_RECORD);
      this.#partial.set(bytes.subarray(at));
      this.#filled = bytes.length - at;
    }
  }

  /** Adds bytes to the incomplete record and returns how many were used. */
  #fill(bytes: Buffer, place: Place): number {
    let at = 0;
    if (this.#filled < RECORD_HEADER) {
      at = this.#take(bytes, 0, RECORD_HEADER - this.#filled);
      if (this.#filled < RECORD_HEADER || !this.#partial) return at;
      if (!isRecordHeader(this.#partial)) {
        const start = Buffer.from(this.#partial.subarray(0, RECORD_HEADER));
        this.#fail(Buffer.concat([start, bytes.subarray(at)]), place);
        return bytes.length;
      }
      this.#first = false;
    }
    at = this.#take(bytes, at, this.#missing());
    this.#finish(place);
    return at;
  }

  #take(bytes: Buffer, at: number, wanted: number): number {
    const end = Math.min(bytes.length, at + wanted);
    if (!this.#hasGap) this.#partial?.set(bytes.subarray(at, end), this.#filled);
    this.#filled += end - at;
    return end;
  }

  #finish(place: Place): void {
    const partial = this.#partial;
    if (!partial || this.#missing() > 0) return;
    const length = this.#filled;
    const hasGap = this.#hasGap;
    // The buffer is returned to the pool after the sink call, which may start another record.
    this.#partial = undefined;
    this.#release();
    if (hasGap) this.#sink.lost(oneRecord(length), place);
    else this.#sink.record(partial.subarray(0, length), place);
    recycle(partial);
  }

  /** Bytes missing to the end of the incomplete record, or of its header. */
  #missing(): number {
    const partial = this.#partial;
    if (!partial || this.#filled < RECORD_HEADER) return RECORD_HEADER - this.#filled;
    return lengthAt(partial, 0) - this.#filled;
  }

  /** Searches for an application data record followed by another record header, or with `last` by the end. */
  #resync(bytes: Buffer, last: boolean, place: Place): void {
    const search = this.#search;
    if (!search) return;
    const all = search.kept.length > 0 ? Buffer.concat([search.kept, bytes]) : bytes;
    let at = all.indexOf(APPLICATION_DATA);
    while (at >= 0) {
      const fits = fitsAt(all, at, last);
      if (fits) {
        this.#search = undefined;
        this.#sink.lost(plus(search.known, recordsIn(sum(search.wire, at), search.begun)), place);
        return this.#read(all.subarray(at), place);
      }
      if (fits === undefined) break;
      at = all.indexOf(APPLICATION_DATA, at + 1);
    }
    const from = at >= 0 ? at : Math.max(0, all.length + 1 - APPLICATION_DATA.length);
    const seen = search.seen + from;
    if (seen > MAX_SEARCH) return this.#fail(EMPTY, place);
    this.#search = { ...search, kept: Buffer.from(all.subarray(from)), seen, wire: sum(search.wire, from) };
  }

  #fail(bytes: Buffer, place: Place): void {
    this.#done = true;
    this.#search = undefined;
    this.#release();
    this.#sink.invalid(bytes, this.#first, place);
  }

  #release(): void {
    if (this.#partial) recycle(this.#partial);
    this.#partial = undefined;
    this.#filled = 0;
    this.#hasGap = false;
  }
}

/** Whether the record at `at` is followed by another one; undefined when more bytes are needed. */
function fitsAt(all: Buffer, at: number, last: boolean): boolean | undefined {
  if (all.length - at < RECORD_HEADER) return last ? false : undefined;
  if (!isRecordHeader(all, at)) return false;
  const end = at + lengthAt(all, at);
  if (all.length - end >= RECORD_HEADER) return isRecordHeader(all, end);
  return last ? end === all.length : undefined;
}

function recycle(buffer: Buffer): void {
  if (pool.length < MAX_POOLED) pool.push(buffer);
}

/** Length of the record at `at`, including its header. */
function lengthAt(bytes: Buffer, at: number): number {
  return RECORD_HEADER + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
}
