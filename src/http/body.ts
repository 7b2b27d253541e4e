import { type BodyDecoder, CHUNKED_LIMITS, ChunkedDecoder, type ChunkedLimits } from './chunked.js';
import type { BodyFraming } from './fields.js';

const EMPTY = Buffer.alloc(0);

/** The decoder for a body that is framed so. Without a body it is done from the start. */
export function bodyDecoder(framing: BodyFraming, limits: ChunkedLimits = CHUNKED_LIMITS): BodyDecoder {
  if (framing === 'chunked') return new ChunkedDecoder(limits);
  return new LengthDecoder(framing === 'none' ? 0 : framing.length);
}

/**
 * Counts a body of Content-Length off. Clients and proxies that cannot chunk announce a length of a gigabyte or more and
 * end whenever they like (MS-TSGU 1.5.3): the length is the most that may come, not what must come.
 */
export class LengthDecoder implements BodyDecoder {
  rest: Buffer = EMPTY;
  #left: number;

  /** @param length bytes, a safe integer */
  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  write(bytes: Buffer): Buffer {
    const length = Math.min(bytes.length, this.#left);
    this.#left -= length;
    this.rest = length < bytes.length ? bytes.subarray(length) : EMPTY;
    return bytes.subarray(0, length);
  }
}
