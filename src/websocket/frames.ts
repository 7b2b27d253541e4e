/**
 * WebSocket frames (RFC 6455 section 5), taken apart as they arrive: a message is never gathered, and what one chunk holds of
 * several is joined in place. Own code because it is the hot path; a test holds it against the receiver of ws.
 */
import { Joined } from '../protocol/joined.js';
import { unmask } from './unmask.js';

export interface FrameEvents {
  /** Payload of binary messages, in any split: a view into the chunk. */
  bytes(bytes: Buffer): void;
  ping(payload: Buffer): void;
  /** The peer's close frame, with its code where it has one. Nothing is read behind it. */
  close(code: number | undefined): void;
}

/** Close codes of section 7.4.1. */
export const CLOSE = { PROTOCOL_ERROR: 1002, UNSUPPORTED_DATA: 1003, TOO_BIG: 1009 } as const;

/** What a client may not send; `code` is what a close frame says of it. */
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
/** Section 5.5. */
const MAX_CONTROL = 125;
/** First two bytes, the longest length, and the mask. */
const MAX_HEAD = 2 + 8 + MASK_BYTES;

/** Most bytes in front of a frame that the gateway sends. */
export const FRAME_HEAD_MAX = 2 + 8;

/** Writes the head of a whole binary frame without a mask, as servers send it (5.2); returns where its payload begins. */
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

export class FrameReader {
  readonly #events: FrameEvents;
  readonly #mask = Buffer.alloc(MASK_BYTES);
  /** The beginning of a head whose rest has not come. */
  #head: Buffer = EMPTY;
  /** The kind of the frame under way, undefined between frames. */
  #opcode: number | undefined;
  #left = 0;
  /** Whether a message of several frames is under way. */
  #fragmented = false;
  #control: Buffer = EMPTY;
  #closed = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /**
   * Reads a chunk, which is the reader's from now on: masks are taken off within it. Everything in front of an error is
   * reported before it is thrown. @throws FrameError
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
        if (this.#opcode >= OPCODE.CLOSE) this.#control = Buffer.concat([this.#control, chunk.subarray(at, end)]);
        else joined.add(at, end);
        this.#left -= end - at;
        if (this.#left > 0) return this.#turnMask(end - at);
        at = end;
        this.#finish(joined);
      }
    } finally {
      this.#deliver(joined);
    }
  }

  /** Reads the head of the next frame; returns where its payload begins, or the end when it is not there yet. */
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

  /** How long a head is, as soon as that can be told. What is wrong with it by then is not waited for any longer. */
  #headLength(head: Buffer, at: number): number | undefined {
    if (head.length - at < 2) return undefined;
    const first = head[at] as number;
    const second = head[at + 1] as number;
    const opcode = first & OPCODE_BITS;
    const short = second & LENGTH_BITS;
    if ((first & RESERVED) !== 0) throw wrong('a reserved bit is set, and no extension was agreed on');
    if ((second & MASKED) === 0) throw wrong('a frame is not masked');
    if (!OPCODES.includes(opcode)) throw wrong(`opcode ${opcode} is reserved`);
    if (opcode >= OPCODE.CLOSE) {
      if ((first & FIN) === 0 || short > MAX_CONTROL) throw wrong('a control frame is fragmented or too long');
    } else if ((opcode === OPCODE.CONTINUATION) !== this.#fragmented) {
      throw wrong('fragments are out of order');
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
    // A copy by the library makes a view first, for each frame.
    const mask = at + length - MASK_BYTES;
    for (let index = 0; index < MASK_BYTES; index++) this.#mask[index] = head[mask + index] as number;
  }

  /** A frame goes on in the next chunk with the mask where it stopped. */
  #turnMask(bytes: number): void {
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
  // Section 7.4: what may stand in a frame. 1004 to 1006 may not.
  const standard = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
  if (!standard && !(code >= 3000 && code <= 4999)) throw wrong('a close frame has no valid code');
  return code;
}

function rotated(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0;
}

function wrong(message: string): FrameError {
  return new FrameError(CLOSE.PROTOCOL_ERROR, message);
}
