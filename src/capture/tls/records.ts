/** The TLS record layer of one direction: bytes in any split → whole records, as views where one chunk has it all. */
import type { Place } from '../types.js';
import { type Gap, NO_GAP, oneRecord, plus, stretch, sum } from './gap.js';
import { RECORD_HEADER } from './record-opener.js';

/** What became of the bytes. */
export interface RecordSink {
  /** A whole record with its header: a view, valid until this returns. */
  record(record: Buffer, place: Place): void;
  /** Records are missing here, as far as is known. */
  lost(loss: Gap, place: Place): void;
  /** What comes here is no TLS. `first`: nothing before it was either. The reader is done, and `bytes` are for whom it may concern. */
  broken(bytes: Buffer, first: boolean, place: Place): void;
}

/** RFC 5246 section 6.2.3: 2^14 bytes and up to 2048 that protection adds. TLS 1.3 allows 256. */
export const MAX_RECORD = RECORD_HEADER + 16_384 + 2048;

/** How many bytes are looked through for a record header after a gap: several of the longest records. */
export const MAX_SEARCH = 128 * 1024;

/** Buffers for records that come in pieces; they are used again, since most records of a capture do. */
const spare: Buffer[] = [];
const MAX_SPARE = 32;

/** Every record after the handshake starts so, whatever is in it in TLS 1.3. */
const APPLICATION_DATA = Buffer.from([23, 3, 3]);

const NOTHING = Buffer.alloc(0);

/** Whether a plausible record header stands there; `bytes` has 5 more. */
export function isRecordHeader(bytes: Buffer, at = 0): boolean {
  const type = bytes[at] ?? 0;
  return (
    type >= 20 && type <= 24 && bytes[at + 1] === 3 && (bytes[at + 2] ?? 9) <= 4 && lengthAt(bytes, at) <= MAX_RECORD
  );
}

/** After a gap that may have swallowed a header. */
interface Search {
  /** What may be the next one. */
  readonly kept: Buffer;
  /** Bytes looked through. */
  readonly seen: number;
  /** What is lost before it: a record of which the header was seen, and a stretch of bytes. */
  readonly known: Gap;
  readonly wire: number | undefined;
  readonly begun: boolean;
}

/** Holds at most `MAX_RECORD` bytes, and while it searches that and the longest chunk. */
export class RecordReader {
  readonly #sink: RecordSink;
  /** A record that came in part: `#filled` bytes of it are here. With a hole in it, they are only counted. */
  #partial: Buffer | undefined;
  #filled = 0;
  #holed = false;
  #search: Search | undefined;
  #first = true;
  #done = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer, place: Place): void {
    if (this.#done) return;
    if (this.#search) this.#seek(bytes, false, place);
    else this.#read(bytes, place);
  }

  /** `length` bytes are missing (undefined: nobody knows how many). */
  gap(length: number | undefined, place: Place): void {
    if (this.#done) return;
    if (this.#search) {
      const { kept, wire } = this.#search;
      this.#search = { ...this.#search, kept: NOTHING, wire: sum(wire, sum(length, kept.length)) };
      return;
    }
    const headed = this.#filled >= RECORD_HEADER;
    const missing = this.#missing();
    if (headed && length !== undefined && length <= missing) {
      this.#holed = true;
      this.#filled += length;
      this.#finish(place);
      return;
    }
    const had = this.#filled;
    this.#release();
    this.#search = headed
      ? { kept: NOTHING, seen: 0, known: oneRecord(had + missing), wire: sum(length, -missing), begun: false }
      : { kept: NOTHING, seen: 0, known: NO_GAP, wire: sum(length, had), begun: had > 0 };
  }

  /** Nothing more comes. What is kept is given back. */
  end(place: Place): void {
    if (this.#search && !this.#done) this.#seek(NOTHING, true, place);
    const search = this.#search;
    if (search && !this.#done) {
      this.#sink.lost(plus(search.known, stretch(sum(search.wire, search.kept.length), true)), place);
    }
    this.#done = true;
    this.#search = undefined;
    this.#release();
  }

  #read(bytes: Buffer, place: Place): void {
    let at = this.#filled > 0 ? this.#fill(bytes, place) : 0;
    while (bytes.length - at >= RECORD_HEADER && !this.#done) {
      if (!isRecordHeader(bytes, at)) return this.#break(bytes.subarray(at), place);
      this.#first = false;
      const end = at + lengthAt(bytes, at);
      if (end > bytes.length) break;
      this.#sink.record(bytes.subarray(at, end), place);
      at = end;
    }
    if (at < bytes.length && !this.#done) {
      this.#partial = spare.pop() ?? Buffer.allocUnsafeSlow(MAX_RECORD);
      this.#partial.set(bytes.subarray(at));
      this.#filled = bytes.length - at;
    }
  }

  /** Adds to the record that was begun, and returns how many bytes went into it. */
  #fill(bytes: Buffer, place: Place): number {
    let at = 0;
    if (this.#filled < RECORD_HEADER) {
      at = this.#take(bytes, 0, RECORD_HEADER - this.#filled);
      if (this.#filled < RECORD_HEADER || !this.#partial) return at;
      if (!isRecordHeader(this.#partial)) {
        const start = Buffer.from(this.#partial.subarray(0, RECORD_HEADER));
        this.#break(Buffer.concat([start, bytes.subarray(at)]), place);
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
    if (!this.#holed) this.#partial?.set(bytes.subarray(at, end), this.#filled);
    this.#filled += end - at;
    return end;
  }

  #finish(place: Place): void {
    const partial = this.#partial;
    if (!partial || this.#missing() > 0) return;
    const length = this.#filled;
    const holed = this.#holed;
    // The buffer is not spare yet: what the sink does may begin another record.
    this.#partial = undefined;
    this.#release();
    if (holed) this.#sink.lost(oneRecord(length), place);
    else this.#sink.record(partial.subarray(0, length), place);
    keep(partial);
  }

  /** Bytes up to the end of the record at hand, or of its header. */
  #missing(): number {
    const partial = this.#partial;
    if (!partial || this.#filled < RECORD_HEADER) return RECORD_HEADER - this.#filled;
    return lengthAt(partial, 0) - this.#filled;
  }

  /** Looks for application data whose record ends where the next header stands, or `last` where the bytes end. */
  #seek(bytes: Buffer, last: boolean, place: Place): void {
    const search = this.#search;
    if (!search) return;
    const all = search.kept.length > 0 ? Buffer.concat([search.kept, bytes]) : bytes;
    let at = all.indexOf(APPLICATION_DATA);
    while (at >= 0) {
      const fits = fitsAt(all, at, last);
      if (fits) {
        this.#search = undefined;
        this.#sink.lost(plus(search.known, stretch(sum(search.wire, at), search.begun)), place);
        return this.#read(all.subarray(at), place);
      }
      if (fits === undefined) break;
      at = all.indexOf(APPLICATION_DATA, at + 1);
    }
    const from = at >= 0 ? at : Math.max(0, all.length + 1 - APPLICATION_DATA.length);
    const seen = search.seen + from;
    if (seen > MAX_SEARCH) return this.#break(NOTHING, place);
    this.#search = { ...search, kept: Buffer.from(all.subarray(from)), seen, wire: sum(search.wire, from) };
  }

  #break(bytes: Buffer, place: Place): void {
    this.#done = true;
    this.#search = undefined;
    this.#release();
    this.#sink.broken(bytes, this.#first, place);
  }

  #release(): void {
    if (this.#partial) keep(this.#partial);
    this.#partial = undefined;
    this.#filled = 0;
    this.#holed = false;
  }
}

/** Whether a record at `at` is followed by another; undefined when more bytes must tell. */
function fitsAt(all: Buffer, at: number, last: boolean): boolean | undefined {
  if (all.length - at < RECORD_HEADER) return last ? false : undefined;
  if (!isRecordHeader(all, at)) return false;
  const end = at + lengthAt(all, at);
  if (all.length - end >= RECORD_HEADER) return isRecordHeader(all, end);
  return last ? end === all.length : undefined;
}

function keep(buffer: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(buffer);
}

/** The length of the record whose header stands there, header included. */
function lengthAt(bytes: Buffer, at: number): number {
  return RECORD_HEADER + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
}
