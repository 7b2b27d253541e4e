/** Bytes in any split become whole PDUs. "Not yet" is undefined, "wrong" is an error, and nothing is kept beyond the caps. */
import { PKT_TYPE, packetName } from './codes.js';
import { MAX_DATA_PDU } from './data.js';
import { LimitError, PduError } from './errors.js';
import { MAX_COUNTED_BYTES } from './field-kinds.js';
import { HEADER_LENGTH, peekHeader } from './pdu.js';

/** Largest control PDU: one 64 KiB blob (a token, a cookie, a consent text) and the fixed fields around it. */
export const MAX_CONTROL_PDU = MAX_COUNTED_BYTES + 256;
/** Bytes that may wait while a question is open: a client sends nothing ahead of an answer, so this is slack for one read. */
export const MAX_WAITING = 256 * 1024;
/** Views kept before they are joined: a PDU that trickles in byte by byte must not cost an object for each byte. */
const MAX_CHUNKS = 64;

export class Framer {
  #chunks: Buffer[] = [];
  #buffered = 0;

  /** Bytes that wait for the rest of their PDU, or for someone to call `next`. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Bytes that the PDU under way still lacks; undefined while its header is not there. Only after `next` said "not yet". */
  get missing(): number | undefined {
    const header = this.#buffered < HEADER_LENGTH ? undefined : peekHeader(this.#chunks[0] as Buffer);
    return header && header.packetLength - this.#buffered;
  }

  /** Takes bytes; the framer keeps views of them. Throws LimitError when more than MAX_WAITING would wait. */
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
   * The next whole PDU, undefined while it is not complete. A view into the pushed bytes where one chunk holds it, a copy only
   * across chunks. Throws PduError for a length that no PDU can have and LimitError for one above the caps, both before
   * anything of that size is buffered.
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

  /** The first bytes of what waits; undefined while there are fewer. */
  peek(length: number): Buffer | undefined {
    if (this.#buffered < length) return undefined;
    this.#gather(length);
    return (this.#chunks[0] as Buffer).subarray(0, length);
  }

  /** Copies what waits, for a caller whose buffers are used again. Only the last chunk can still be a view. */
  detach(): void {
    const last = this.#chunks.pop();
    if (last) this.#chunks.push(Buffer.from(last));
  }

  /** Gives up what waits, for a caller that looks for the next PDU in it. */
  drain(): Buffer {
    const [first, ...more] = this.#chunks;
    const all = first === undefined || more.length > 0 ? Buffer.concat(this.#chunks, this.#buffered) : first;
    this.#chunks = [];
    this.#buffered = 0;
    return all;
  }

  /** Makes the first chunk hold at least `length` bytes; they are known to be there. */
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
