import type { Sender } from '../types.js';

/**
 * Windows accepts heads of at most 64 KiB, and the Kerberos ticket of a user in very many groups comes close to that.
 * Other servers accept more.
 */
export const MAX_HEAD_BYTES = 128 * 1024;
/** The longest method in use has 17 characters (RDG_OUT_DATA has 12). A longer first token is not a method. */
export const MAX_METHOD = 32;

const STATUS_LINE = Buffer.from('HTTP/', 'latin1');
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const INITIAL_CAPACITY = 2048;

/** The result of a `push`: a complete head, rejected bytes, or neither when more bytes are needed. */
export interface HeadResult {
  /** From the first line to the empty one; a view, valid until the next call. */
  readonly head?: Buffer;
  /** All buffered bytes, when they are not HTTP or the head is too long. The reader has dropped them. */
  readonly refused?: Buffer;
  readonly why?: 'not a head' | 'too long';
  /** Bytes of the input that were not read. */
  readonly rest: Buffer;
}

const EMPTY = Buffer.alloc(0);

/** Collects one head after another from input in any split. Empty lines in front of a head are dropped. */
export class HeadReader {
  readonly #from: Sender;
  #held: Buffer = EMPTY;
  #length = 0;
  /** Bytes that were searched for the end of the head. */
  #searched = 0;
  /** The first bytes look like a head. */
  #recognised = false;

  constructor(from: Sender) {
    this.#from = from;
  }

  /** Buffered bytes of an incomplete head. */
  get pending(): number {
    return this.#length;
  }

  push(bytes: Buffer): HeadResult {
    const start = this.#length === 0 ? skipEmptyLines(bytes) : 0;
    if (start === bytes.length) return { rest: EMPTY };
    const taken = Math.min(bytes.length - start, MAX_HEAD_BYTES - this.#length);
    const before = this.#length;
    this.#append(bytes.subarray(start, start + taken));
    if (!this.#recognised) {
      const looksLikeHead = this.#looksLikeHead();
      if (looksLikeHead === false) return this.#refuse('not a head', bytes.subarray(start + taken));
      if (looksLikeHead === undefined) return { rest: EMPTY };
      this.#recognised = true;
    }
    const end = this.#findEnd();
    if (end !== undefined) {
      const head = this.#held.subarray(0, end);
      this.drop();
      return { head, rest: bytes.subarray(start + end - before) };
    }
    if (this.#length === MAX_HEAD_BYTES) return this.#refuse('too long', bytes.subarray(start + taken));
    return { rest: EMPTY };
  }

  /** Discards the buffered bytes. */
  drop(): void {
    this.#length = 0;
    this.#searched = 0;
    this.#recognised = false;
    // A capture has thousands of connections with few heads each, so the buffer is released after every head.
    this.#held = EMPTY;
  }

  #append(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_HEAD_BYTES, Math.max(INITIAL_CAPACITY, 2 * needed)));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#length);
    this.#length = needed;
  }

  #refuse(why: 'not a head' | 'too long', rest: Buffer): HeadResult {
    const refused = Buffer.from(this.#held.subarray(0, this.#length));
    this.drop();
    return { refused, why, rest };
  }

  #looksLikeHead(): boolean | undefined {
    const held = this.#held.subarray(0, this.#length);
    if (this.#from === 'server') {
      const shared = Math.min(held.length, STATUS_LINE.length);
      if (held.compare(STATUS_LINE, 0, shared, 0, shared) !== 0) return false;
      return shared === STATUS_LINE.length ? true : undefined;
    }
    for (let at = 0; at < held.length && at <= MAX_METHOD; at++) {
      const byte = held[at] as number;
      if (byte === SPACE) return at > 0;
      if (!isMethodByte(byte)) return false;
    }
    return held.length > MAX_METHOD ? false : undefined;
  }

  /** The offset after the empty line. A line may end with LF alone. */
  #findEnd(): number | undefined {
    const held = this.#held.subarray(0, this.#length);
    for (let at = held.indexOf(LF, this.#searched); at >= 0; at = held.indexOf(LF, at + 1)) {
      this.#searched = at;
      if (at + 1 >= held.length) return undefined;
      if (held[at + 1] === LF) return at + 2;
      if (held[at + 1] !== CR) continue;
      if (at + 2 >= held.length) return undefined;
      if (held[at + 2] === LF) return at + 3;
    }
    // Every LF so far was compared with the bytes after it, so the next search begins with new bytes.
    this.#searched = held.length;
    return undefined;
  }
}

function skipEmptyLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === CR || bytes[at] === LF) at++;
  return at;
}

/** Letters, digits, `_` and `-`: enough for every registered method and for those of MS-TSGU and MS-RPCH. */
function isMethodByte(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === 0x2d
  );
}
