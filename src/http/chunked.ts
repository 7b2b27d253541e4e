import { Joined } from '../protocol/joined-bytes.js';
import { ChunkLineReader } from './chunk-line.js';
import type { Envelope } from './envelope.js';
import { BodyError } from './errors.js';
import { isSingletonField, splitFieldLine } from './fields.js';
import { LineReader } from './lines.js';

/** Limits of a chunked body, in bytes. */
export interface ChunkedLimits {
  /**
   * One chunk-size line with its extensions and CRLF. Known clients send no extensions, and a size needs at most 14
   * hexadecimal digits.
   */
  readonly chunkLineBytes: number;
  /** All trailer lines together. They are validated and dropped. */
  readonly trailerBytes: number;
}

export const CHUNKED_LIMITS: ChunkedLimits = { chunkLineBytes: 256, trailerBytes: 8 * 1024 };

/** Decodes a request body from its framing, in chunks of any size. */
export interface BodyDecoder {
  /**
   * Returns the payload, joined in place, as a view of `bytes`, which the decoder overwrites. Bytes after the end of
   * the body are in `rest`.
   * @throws BodyError
   */
  write(bytes: Buffer): Buffer;
  /** Whether the body is complete. If the connection ends before, the body is truncated. */
  readonly done: boolean;
  /** The bytes of the last write after the end of the body, as a view. */
  readonly rest: Buffer;
}

/** The last chunk and an empty trailer, which end a chunked body (RFC 9112 7.1). */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n');

const EMPTY = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');
/**
 * Decodes a chunked body (RFC 9112 7.1) as it arrives. Chunks are not buffered, so their size does not affect memory
 * usage. Chunk sizes are hexadecimal digits up to 2^53 - 1. Extensions and trailers are limited, validated and dropped.
 */
export class ChunkedDecoder implements BodyDecoder {
  rest: Buffer = EMPTY;
  readonly #sizes: ChunkLineReader;
  readonly #trailers = new LineReader((fault, message) => new BodyError(`BODY_${fault}`, message));
  #state: 'size' | 'data' | 'cr' | 'lf' | 'trailer' | 'done' = 'size';
  /** Number of bytes of the current chunk that have not arrived. */
  #left = 0;
  #trailerLeft: number;

  constructor(limits: ChunkedLimits = CHUNKED_LIMITS) {
    this.#sizes = new ChunkLineReader(limits.chunkLineBytes);
    this.#trailerLeft = limits.trailerBytes;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  write(bytes: Buffer): Buffer {
    const payload = new Joined(bytes);
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        payload.add(at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'cr';
      } else if (this.#state === 'size') {
        at = this.#readSize(bytes, at);
      } else if (this.#state === 'trailer') {
        at = this.#readTrailer(bytes, at);
      } else {
        this.#readEnd(bytes[at++] as number);
      }
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : EMPTY;
    return payload.take();
  }

  #readSize(bytes: Buffer, at: number): number {
    const next = this.#sizes.read(bytes, at);
    const { size } = this.#sizes;
    if (size !== undefined) {
      this.#left = size;
      this.#state = size === 0 ? 'trailer' : 'data';
    }
    return next;
  }

  /** One byte of the CRLF after the data of a chunk. */
  #readEnd(byte: number): void {
    const isCr = this.#state === 'cr';
    if (byte !== CRLF[isCr ? 0 : 1]) throw new BodyError('BODY_CHUNK_END', 'a chunk is longer than its size');
    this.#state = isCr ? 'lf' : 'size';
  }

  #readTrailer(bytes: Buffer, at: number): number {
    const before = this.#trailers.pending;
    const next = this.#trailers.read(bytes, at, this.#trailerLeft);
    const { line } = this.#trailers;
    if (line === '') this.#state = 'done';
    else if (line !== undefined) {
      this.#trailerLeft -= before + next - at;
      checkTrailer(line);
    }
    return next;
  }
}

/**
 * Encodes `bytes` as one chunk. The result for no bytes is empty, because an empty chunk would end the body
 * (`LAST_CHUNK`).
 */
export function encodeChunk(bytes: Buffer): Buffer {
  if (bytes.length === 0) return EMPTY;
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]);
}

/** Encodes each PDU as one chunk. */
export const CHUNK_ENVELOPE: Envelope = {
  maxOverhead: 2 * CRLF.length + 8,
  writePrefix: (to, at, length) => at + to.write(`${length.toString(16)}\r\n`, at, 'latin1'),
  writeSuffix: (to, at) => at + CRLF.copy(to, at),
};

function checkTrailer(line: string): void {
  let name: string;
  try {
    [name] = splitFieldLine(line);
  } catch {
    throw new BodyError('BODY_TRAILER', 'a trailer line is not a header field');
  }
  // RFC 9110 6.5.1: fields for framing, routing and authentication are not allowed in trailers.
  if (isSingletonField(name.toLowerCase()))
    throw new BodyError('BODY_TRAILER', 'a trailer field belongs into the head');
}
