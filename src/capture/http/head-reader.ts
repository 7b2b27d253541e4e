import type { Sender } from '../types.js';

/**
 * Windows takes 64 KiB of head at most, and a Kerberos ticket of a user in very many groups comes near; this is room for what
 * other servers allow.
 */
export const MAX_HEAD_BYTES = 128 * 1024;
/** The longest method in use has 17 characters (RDG_OUT_DATA 12); a first word longer than this is something else. */
export const MAX_METHOD = 32;

const STATUS_LINE = Buffer.from('HTTP/', 'latin1');
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const FIRST_ROOM = 2048;

/** What came of some bytes: a whole head, the certainty that this is none, or neither yet. `rest` was not looked at. */
export interface Reading {
  /** From the first line to the empty one; a view, valid until the next call. */
  readonly head?: Buffer;
  /** Not HTTP, or too long: everything that was held, which is also gone from the reader. */
  readonly refused?: Buffer;
  readonly why?: 'not a head' | 'too long';
  readonly rest: Buffer;
}

const EMPTY = Buffer.alloc(0);

/** Gathers one head after the other, in any split. Empty lines in front of one are dropped. */
export class HeadReader {
  readonly #from: Sender;
  #held: Buffer = EMPTY;
  #length = 0;
  /** How far the search for the end has come. */
  #searched = 0;
  /** The start has the look of a head. */
  #begun = false;

  constructor(from: Sender) {
    this.#from = from;
  }

  /** Bytes of a head that is not complete. */
  get pending(): number {
    return this.#length;
  }

  push(bytes: Buffer): Reading {
    const start = this.#length === 0 ? skipEmptyLines(bytes) : 0;
    if (start === bytes.length) return { rest: EMPTY };
    const taken = Math.min(bytes.length - start, MAX_HEAD_BYTES - this.#length);
    const before = this.#length;
    this.#append(bytes.subarray(start, start + taken));
    if (!this.#begun) {
      const begins = this.#begins();
      if (begins === false) return this.#refuse('not a head', bytes.subarray(start + taken));
      if (begins === undefined) return { rest: EMPTY };
      this.#begun = true;
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

  /** Forgets what is held. */
  drop(): void {
    this.#length = 0;
    this.#searched = 0;
    this.#begun = false;
    // Most connections have few heads, and a capture thousands of connections: none keeps its room.
    this.#held = EMPTY;
  }

  #append(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_HEAD_BYTES, Math.max(FIRST_ROOM, 2 * needed)));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#length);
    this.#length = needed;
  }

  #refuse(why: 'not a head' | 'too long', rest: Buffer): Reading {
    const refused = Buffer.from(this.#held.subarray(0, this.#length));
    this.drop();
    return { refused, why, rest };
  }

  #begins(): boolean | undefined {
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

  /** Behind the empty line; line ends may lack their CR. */
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
    // Every line end so far was looked at with what follows it, so the next search begins with new bytes.
    this.#searched = held.length;
    return undefined;
  }
}

function skipEmptyLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === CR || bytes[at] === LF) at++;
  return at;
}

/** Letters, digits and the underscore: every method ever registered, and those of MS-TSGU and MS-RPCH. Also `-`. */
function isMethodByte(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === 0x2d
  );
}
