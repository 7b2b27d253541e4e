import { HEADER_LENGTH, peekHeader } from './codec.js';
import { PKT_TYPE, packetName } from './codes.js';
import { MAX_DATA_PDU } from './data.js';
import { LimitError, PduError } from './errors.js';
import { MAX_COUNTED_BYTES } from './field-kinds.js';

/** Largest control PDU in bytes: one 64 KiB blob (a token, a cookie, a consent text) and the fixed fields around it. */
export const MAX_CONTROL_PDU = MAX_COUNTED_BYTES + 256;
/**
 * Largest number of bytes that a `Framer` buffers. A client sends nothing before the answer to its last request, so
 * while an answer is pending this only has to cover what one read returns.
 */
export const MAX_WAITING = 256 * 1024;
/**
 * Number of chunks kept before they are concatenated, so that a PDU received byte by byte does not cost an object per
 * byte.
 */
const MAX_CHUNKS = 64;

/**
 * Splits a byte stream into whole PDUs, however the stream is divided into chunks. An incomplete PDU is reported as
 * undefined, an invalid length as an error. The framer buffers at most MAX_WAITING bytes.
 */
export class Framer {
  #chunks: Buffer[] = [];
  #buffered = 0;

  /** Number of bytes that `next` has not returned yet. */
  get buffered(): number {
    return this.#buffered;
  }

  /**
   * Number of bytes that the current PDU still lacks, undefined until its header is complete. Valid only after `next`
   * returned undefined.
   */
  get missing(): number | undefined {
    const header = this.#buffered < HEADER_LENGTH ? undefined : peekHeader(this.#chunks[0] as Buffer);
    return header && header.packetLength - this.#buffered;
  }

  /**
   * Appends bytes. The framer keeps a view of them, not a copy. Throws a `LimitError` above MAX_WAITING buffered bytes.
   */
  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#buffered + bytes.length > MAX_WAITING) {
      throw new LimitError('MAX_WAITING', `more than ${MAX_WAITING} bytes wait to be read as PDUs`);
    }
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    if (this.#chunks.length > MAX_CHUNKS) this.#chunks = [Buffer.concat(this.#chunks, this.#buffered)];
  }

  /**
   * Returns the next whole PDU, or undefined while it is incomplete. The PDU is a view of the pushed bytes if one chunk
   * holds it, and a copy if it spans chunks. Throws a `PduError` for a length below HEADER_LENGTH and a `LimitError`
   * for one above MAX_DATA_PDU or MAX_CONTROL_PDU, both as soon as the header is complete.
   */
  next(): Buffer | undefined {
    if (this.#buffered < HEADER_LENGTH) return undefined;
    this.#gather(HEADER_LENGTH);
    const first = this.#chunks[0] as Buffer;
    const header = peekHeader(first);
    if (!header) return undefined;
    const { packetType, packetLength } = header;
    checkLength(packetType, packetLength);
    if (this.#buffered < packetLength) return undefined;
    this.#gather(packetLength);
    return this.#take(packetLength);
  }

  /** The first `length` buffered bytes as a view, undefined while there are fewer. They stay buffered. */
  peek(length: number): Buffer | undefined {
    if (this.#buffered < length) return undefined;
    this.#gather(length);
    return (this.#chunks[0] as Buffer).subarray(0, length);
  }

  /**
   * Copies the buffered bytes, for a caller that reuses the buffers it pushed. Only the last chunk is copied: with a
   * call after every push, the earlier chunks are copies already.
   */
  detach(): void {
    const last = this.#chunks.pop();
    if (last) this.#chunks.push(Buffer.from(last));
  }

  /** Removes and returns all buffered bytes, for a caller that searches them for the next PDU. */
  drain(): Buffer {
    const [first, ...more] = this.#chunks;
    const all = first === undefined || more.length > 0 ? Buffer.concat(this.#chunks, this.#buffered) : first;
    this.#chunks = [];
    this.#buffered = 0;
    return all;
  }

  /** Makes the first chunk hold at least `length` bytes. The caller has checked that as many are buffered. */
  #gather(length: number): void {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= length) return;
    let have = 0;
    let used = 0;
    while (have < length) have += (this.#chunks[used++] as Buffer).length;
    this.#chunks.splice(0, used, Buffer.concat(this.#chunks.slice(0, used), have));
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
    this.#buffered -= length;
    return first.subarray(0, length);
  }
}

function checkLength(packetType: number, packetLength: number): void {
  if (packetLength < HEADER_LENGTH) {
    throw new PduError(
      'PDU_LENGTH',
      'packetLength',
      4,
      `says ${packetLength} bytes, the header alone has ${HEADER_LENGTH}`,
    );
  }
  const [limit, max] =
    packetType === PKT_TYPE.DATA ? ['MAX_DATA_PDU', MAX_DATA_PDU] : ['MAX_CONTROL_PDU', MAX_CONTROL_PDU];
  if (packetLength > (max as number)) {
    throw new LimitError(
      limit as string,
      `${packetName(packetType)} says it has ${packetLength} bytes, at most ${max} are allowed`,
    );
  }
}
