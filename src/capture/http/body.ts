/** Reads the payload of HTTP/1 bodies (RFC 9112 6 and 7.1) from input in any split, without buffering it. */
import type { Framing } from './head.js';

/** Characters of a chunk-size line with its extensions. */
export const MAX_CHUNK_LINE = 512;
/** Bytes of all trailer lines together. */
export const MAX_TRAILER_BYTES = 16 * 1024;

const EMPTY = Buffer.alloc(0);
const LF = 0x0a;

type State = 'payload' | 'size' | 'after chunk' | 'trailer' | 'done' | 'lost';

export class BodyReader {
  readonly #chunked: boolean;
  #state: State;
  /** Payload bytes left of the current chunk or of the body; Infinity for a body that ends with the connection. */
  #left: number;
  #line = '';
  #trailer = 0;

  /** @param inChunk payload bytes left of the first chunk, when its size line was read already */
  constructor(framing: Framing, inChunk?: number) {
    this.#chunked = framing === 'chunked';
    this.#left = inChunk ?? (typeof framing === 'object' ? framing.length : framing === 'until close' ? Infinity : 0);
    this.#state = framing === 'none' ? 'done' : this.#chunked && inChunk === undefined ? 'size' : 'payload';
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** The chunked framing is invalid. The last `push` returned the bytes from the invalid place on. */
  get lost(): boolean {
    return this.#state === 'lost';
  }

  /**
   * Calls `emit` with views of the payload, in order. Returns the bytes after the end of the body or after an error.
   */
  push(bytes: Buffer, emit: (payload: Buffer) => void): Buffer {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done' && this.#state !== 'lost') {
      if (this.#state !== 'payload') {
        at = this.#readLine(bytes, at);
        continue;
      }
      const end = this.#left < bytes.length - at ? at + this.#left : bytes.length;
      this.#left -= end - at;
      // `emit` may read the state, so the state is updated before the call.
      if (this.#left === 0) this.#state = this.#chunked ? 'after chunk' : 'done';
      emit(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
      at = end;
    }
    return at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  /** Skips missing bytes. Returns false and sets `lost` when they may contain framing. */
  gap(length: number | undefined): boolean {
    if (this.#left === Number.POSITIVE_INFINITY) return true;
    if (this.#state !== 'payload' || length === undefined || length > this.#left) {
      this.#state = 'lost';
      return false;
    }
    this.#left -= length;
    if (this.#left === 0) this.#state = this.#chunked ? 'after chunk' : 'done';
    return true;
  }

  #readLine(bytes: Buffer, at: number): number {
    // Size lines are a few characters long, so a native search would cost more than this loop.
    let end = at;
    const limit = Math.min(bytes.length, at + MAX_CHUNK_LINE + 1 - this.#line.length);
    while (end < limit && bytes[end] !== LF) end++;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > MAX_CHUNK_LINE) this.#state = 'lost';
    if (end === bytes.length || this.#state === 'lost') return end;
    if (bytes[end] !== LF) return end;
    const line = this.#line.trim();
    this.#line = '';
    this.#handleLine(line);
    return end + 1;
  }

  #handleLine(line: string): void {
    if (this.#state === 'after chunk') {
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

/** The size of a chunk-size line, without its extensions; undefined when the line is malformed. */
export function chunkSize(line: string): number | undefined {
  const digits = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
