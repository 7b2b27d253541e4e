/** Bodies taken out of their framing (RFC 9112 6 and 7.1), in any split, without gathering anything. */
import type { Framing } from './head.js';

/** A chunk-size line with its extensions, and all trailer lines together. */
export const MAX_CHUNK_LINE = 512;
export const MAX_TRAILER_BYTES = 16 * 1024;

const EMPTY = Buffer.alloc(0);
const LF = 0x0a;

type State = 'payload' | 'size' | 'behind chunk' | 'trailer' | 'done' | 'lost';

export class BodyReader {
  readonly #chunked: boolean;
  #state: State;
  /** Payload bytes to come: of this chunk, of this body; Infinity until the connection closes. */
  #left: number;
  #line = '';
  #trailer = 0;

  /** @param inChunk the first chunk's size line was read elsewhere, and this much of its payload is to come */
  constructor(framing: Framing, inChunk?: number) {
    this.#chunked = framing === 'chunked';
    this.#left = inChunk ?? (typeof framing === 'object' ? framing.length : framing === 'until close' ? Infinity : 0);
    this.#state = framing === 'none' ? 'done' : this.#chunked && inChunk === undefined ? 'size' : 'payload';
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** The chunks do not fit together any more; `rest` of the last push begins where that was seen. */
  get lost(): boolean {
    return this.#state === 'lost';
  }

  /** Calls `emit` with payload as views, in order, and returns what lies behind the end (or behind understanding). */
  push(bytes: Buffer, emit: (payload: Buffer) => void): Buffer {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done' && this.#state !== 'lost') {
      if (this.#state !== 'payload') {
        at = this.#readLine(bytes, at);
        continue;
      }
      const end = this.#left < bytes.length - at ? at + this.#left : bytes.length;
      this.#left -= end - at;
      // The state goes first: `emit` may look at it.
      if (this.#left === 0) this.#state = this.#chunked ? 'behind chunk' : 'done';
      emit(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
      at = end;
    }
    return at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  /** Steps over missing bytes. False when they hide framing: then the reader is lost. */
  gap(length: number | undefined): boolean {
    if (this.#left === Number.POSITIVE_INFINITY) return true;
    if (this.#state !== 'payload' || length === undefined || length > this.#left) {
      this.#state = 'lost';
      return false;
    }
    this.#left -= length;
    if (this.#left === 0) this.#state = this.#chunked ? 'behind chunk' : 'done';
    return true;
  }

  #readLine(bytes: Buffer, at: number): number {
    // Size lines have a handful of characters: a search by native code would cost more than it saves.
    let end = at;
    const limit = Math.min(bytes.length, at + MAX_CHUNK_LINE + 1 - this.#line.length);
    while (end < limit && bytes[end] !== LF) end++;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > MAX_CHUNK_LINE) this.#state = 'lost';
    if (end === bytes.length || this.#state === 'lost') return end;
    if (bytes[end] !== LF) return end;
    const line = this.#line.trim();
    this.#line = '';
    this.#take(line);
    return end + 1;
  }

  #take(line: string): void {
    if (this.#state === 'behind chunk') {
      this.#state = line === '' ? 'size' : 'lost';
    } else if (this.#state === 'size') {
      const size = chunkSize(line);
      this.#left = size ?? 0;
      this.#state = size === undefined ? 'lost' : size === 0 ? 'trailer' : 'payload';
    } else {
      this.#trailer += line.length;
      if (line === '') this.#state = 'done';
      else if (this.#trailer > MAX_TRAILER_BYTES) this.#state = 'lost';
    }
  }
}

/** The size in front of any extension; undefined when there is none. */
export function chunkSize(line: string): number | undefined {
  const digits = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
