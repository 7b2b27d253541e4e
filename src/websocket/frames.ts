/**
 * WebSocket framing (RFC 6455 section 5). Messages are not buffered: payload is reported as it arrives, and the payload
 * of several frames in one chunk is joined in place. The project has its own reader because all client data passes
 * through it; a test compares it with the receiver of the ws package.
 */
import { Joined } from '../protocol/joined-bytes.js';
import { unmask } from './unmask.js';

/** Receives the events of a `FrameReader`. */
export interface FrameEvents {
  /** Payload of binary messages, in any split. It is a view of the chunk. */
  bytes(bytes: Buffer): void;
  ping(payload: Buffer): void;
  /** The peer's close frame, with its code if it has one. Bytes after it are ignored. */
  close(code: number | undefined): void;
}

/** Close codes of RFC 6455 section 7.4.1. */
export const CLOSE = { PROTOCOL_ERROR: 1002, UNSUPPORTED_DATA: 1003, TOO_BIG: 1009 } as const;

/** The client violated the protocol. `code` is the code for the close frame (`CLOSE`). */
export class FrameError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;
const OPCODES: readonly number[] = Object.values(OPCODE);
const OPCODE_BITS = 0x0f;
const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;
/** Largest payload of a control frame in bytes (section 5.5). */
const MAX_CONTROL = 125;
/** Largest head of a masked frame: two bytes, a 64-bit length and the mask. */
const MAX_HEAD = 2 + 8 + MASK_BYTES;

/** Largest head of a frame that the gateway sends, in bytes. */
export const FRAME_HEAD_MAX = 2 + 8;

/**
 * Writes the head of an unfragmented binary frame without a mask, as servers send it (section 5.2), to `to` at offset
 * `at`. `length` is the length of the payload in bytes. Returns the offset of the payload.
 */
export function writeFrameHead(to: Buffer, at: number, length: number): number {
  to[at] = FIN | OPCODE.BINARY;
  if (length < LENGTH_16) {
    to[at + 1] = length;
    return at + 2;
  }
  if (length <= 0xffff) {
    to[at + 1] = LENGTH_16;
    return to.writeUInt16BE(length, at + 2);
  }
  to[at + 1] = LENGTH_64;
  return to.writeUIntBE(length, to.writeUInt16BE(0, at + 2), 6);
}

/** Reads the frames of a client, which must be masked. */
export class FrameReader {
  readonly #events: FrameEvents;
  readonly #mask = Buffer.alloc(MASK_BYTES);
  /** The start of an incomplete head. */
  #head: Buffer = EMPTY;
  /** Opcode of the current frame, undefined between frames. */
  #opcode: number | undefined;
  /** Number of payload bytes of the current frame that have not arrived. */
  #left = 0;
  /** Whether the current message is fragmented and incomplete. */
  #fragmented = false;
  #control: Buffer = EMPTY;
  #closed = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /**
   * Processes a chunk. The reader takes over the buffer and unmasks payload in place. Events before an error are
   * reported before it is thrown.
   * @throws FrameError
   */
  read(chunk: Buffer): void {
    const joined = new Joined(chunk);
    let at = 0;
    try {
      while (!this.#closed) {
        if (this.#opcode === undefined) at = this.#readHead(chunk, at);
        if (this.#opcode === undefined) return;
        const end = Math.min(chunk.length, at + this.#left);
        unmask(chunk, at, end, this.#mask);
        if (this.#opcode >= OPCODE.CLOSE) this.#keepControl(chunk, at, end);
        else joined.add(at, end);
        this.#left -= end - at;
        if (this.#left > 0) return this.#rotateMask(end - at);
        at = end;
        this.#finish(joined);
      }
    } finally {
      this.#deliver(joined);
    }
  }

  /**
   * Reads the head of the next frame. Returns the offset of its payload, or the end of the chunk if the head is
   * incomplete.
   */
  #readHead(chunk: Buffer, at: number): number {
    const before = this.#head.length;
    const head = before === 0 ? chunk : Buffer.concat([this.#head, chunk.subarray(at, at + MAX_HEAD)]);
    const start = before === 0 ? at : 0;
    const length = this.#headLength(head, start);
    if (length === undefined || head.length - start < length) {
      this.#head = Buffer.from(head.subarray(start));
      return chunk.length;
    }
    this.#head = EMPTY;
    this.#begin(head, start, length);
    return at + length - before;
  }

  /**
   * Returns the length of a head, or undefined until its first two bytes are there. Errors in these are thrown at once,
   * without waiting for the rest.
   */
  #headLength(head: Buffer, at: number): number | undefined {
    if (head.length - at < 2) return undefined;
    const first = head[at] as number;
    const second = head[at + 1] as number;
    const opcode = first & OPCODE_BITS;
    const short = second & LENGTH_BITS;
    if ((first & RESERVED) !== 0) throw protocolError('a reserved bit is set, and no extension was agreed on');
    if ((second & MASKED) === 0) throw protocolError('a frame is not masked');
    if (!OPCODES.includes(opcode)) throw protocolError(`opcode ${opcode} is reserved`);
    if (opcode >= OPCODE.CLOSE) {
      if ((first & FIN) === 0 || short > MAX_CONTROL) throw protocolError('a control frame is fragmented or too long');
    } else if ((opcode === OPCODE.CONTINUATION) !== this.#fragmented) {
      throw protocolError('fragments are out of order');
    }
    if (opcode === OPCODE.TEXT) {
      throw new FrameError(CLOSE.UNSUPPORTED_DATA, 'a text message came; PDUs travel in binary ones');
    }
    const more = short === LENGTH_64 ? 8 : short === LENGTH_16 ? 2 : 0;
    return 2 + more + MASK_BYTES;
  }

  #begin(head: Buffer, at: number, length: number): void {
    const first = head[at] as number;
    this.#left = payloadLength(head, at);
    this.#opcode = first & OPCODE_BITS;
    if (this.#opcode < OPCODE.CLOSE) this.#fragmented = (first & FIN) === 0;
    // Buffer.copy and Buffer.set would create a view for each frame.
    const mask = at + length - MASK_BYTES;
    for (let index = 0; index < MASK_BYTES; index++) this.#mask[index] = head[mask + index] as number;
  }

  /**
   * Copies payload of a ping or a close frame, because `Joined` overwrites the chunk. Nothing is copied for pongs and
   * empty frames, of which a client may send one every six bytes.
   */
  #keepControl(chunk: Buffer, from: number, to: number): void {
    if (from === to || this.#opcode === OPCODE.PONG) return;
    this.#control = Buffer.concat([this.#control, chunk.subarray(from, to)]);
  }

  /**
   * Rotates the mask by `bytes`, so that the rest of the frame in the next chunk starts with the right byte of the
   * mask.
   */
  #rotateMask(bytes: number): void {
    const shift = bytes & 3;
    if (shift > 0) this.#mask.writeUInt32BE(rotated(this.#mask.readUInt32BE(0), shift * 8), 0);
  }

  #finish(joined: Joined): void {
    const opcode = this.#opcode;
    const payload = this.#control;
    this.#opcode = undefined;
    this.#control = EMPTY;
    if (opcode === OPCODE.PING) this.#events.ping(payload);
    if (opcode !== OPCODE.CLOSE) return;
    this.#closed = true;
    const code = closeCode(payload);
    this.#deliver(joined);
    this.#events.close(code);
  }

  #deliver(joined: Joined): void {
    const bytes = joined.take();
    if (bytes.length > 0) this.#events.bytes(bytes);
  }
}

const EMPTY = Buffer.alloc(0);

function payloadLength(head: Buffer, at: number): number {
  const short = (head[at + 1] as number) & LENGTH_BITS;
  if (short === LENGTH_16) return head.readUInt16BE(at + 2);
  if (short !== LENGTH_64) return short;
  const length = head.readBigUInt64BE(at + 2);
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new FrameError(CLOSE.TOO_BIG, 'a frame is impossibly long');
  return Number(length);
}

function closeCode(payload: Buffer): number | undefined {
  if (payload.length === 0) return undefined;
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  // Section 7.4: the codes allowed in a close frame. 1004 to 1006 are reserved.
  const standard = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
  if (!standard && !(code >= 3000 && code <= 4999)) throw protocolError('a close frame has no valid code');
  return code;
}

function rotated(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0;
}

function protocolError(message: string): FrameError {
  return new FrameError(CLOSE.PROTOCOL_ERROR, message);
}
