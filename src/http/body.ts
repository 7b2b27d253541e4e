import { type BodyDecoder, CHUNKED_LIMITS, ChunkedDecoder, type ChunkedLimits } from './chunked.js';
import type { BodyFraming } from './fields.js';

const EMPTY = Buffer.alloc(0);

/** Returns the decoder for a body with the given framing. For a request without a body it is done from the start. */
export function bodyDecoder(framing: BodyFraming, limits: ChunkedLimits = CHUNKED_LIMITS): BodyDecoder {
  if (framing === 'chunked') return new ChunkedDecoder(limits);
  return new LengthDecoder(framing === 'none' ? 0 : framing.length);
}

/**
 * Decodes a body with Content-Length. Clients and proxies that cannot send chunked bodies state a length of a gigabyte
 * or more and end the body earlier (MS-TSGU 1.5.3), so the length is an upper limit and not required to be reached.
 */
export class LengthDecoder implements BodyDecoder {
  rest: Buffer = EMPTY;
  #left: number;

  /** @param length in bytes, a safe integer */
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
