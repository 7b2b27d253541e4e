/**
 * A lenient reader of one direction of a WebSocket (RFC 6455 section 5): it emits the PDU stream and notes invalid
 * frames.
 */

import { Seeker } from '../conversation/resync.js';
import type { GapCause, NoteEvent, Place, Sender } from '../types.js';
import { FrameHeader, frameHeaderSize, LONGEST_FRAME_HEADER, OPCODE, opcodeName } from './frame-header.js';
import { unmask } from './unmask.js';

/** A control or text frame, emitted when it is complete. */
export interface FrameEvent {
  readonly from: Sender;
  readonly opcode: number;
  /** `close`, `ping`, `pong`, `text`. */
  readonly name: string;
  readonly fin: boolean;
  readonly masked: boolean;
  /** Payload length in bytes. */
  readonly length: number;
  /** The first MAX_PREVIEW bytes, unmasked; a copy. */
  readonly payload: Buffer;
  /** The status code of a close frame that has one (RFC 6455 7.4). */
  readonly closeCode?: number;
  readonly place: Place;
}

export interface WebSocketSink {
  frame(event: FrameEvent): void;
  /** Bytes of the PDU stream. A view: valid until the sink returns. */
  tunnel(from: Sender, bytes: Buffer, place: Place): void;
  gap(from: Sender, length: number | undefined, place: Place, cause: GapCause): void;
  note(note: NoteEvent): void;
}

/** The most payload that a control frame may carry (RFC 6455 5.5); a text frame is shown up to the same length. */
export const MAX_PREVIEW = 125;
/** No PDU needs a frame of more than 64 KiB, so a longer length than this means that the framing is lost. */
export const MAX_FRAME_BYTES = 2 ** 30;

const EMPTY = Buffer.alloc(0);

export class WebSocketReader {
  readonly #from: Sender;
  readonly #sink: WebSocketSink;
  readonly #noted = new Set<string>();
  /** The first bytes of a header that the input splits. */
  readonly #partial = Buffer.alloc(LONGEST_FRAME_HEADER);
  #partialLength = 0;
  /** The current frame, of whose payload `#left` bytes are to come. */
  readonly #header = new FrameHeader();
  #inFrame = false;
  #left = 0;
  /** Payload bytes of the current frame read so far: the offset into the masking key. */
  #phase = 0;
  /** The current frame is part of a binary message. */
  #isTunnel = false;
  /** The opcode of the message that continuation frames belong to. */
  #message = OPCODE.BINARY as number;
  #preview = EMPTY;
  #closed = false;
  #seeker: Seeker | undefined;
  #place: Place = { frame: 0, time: 0n };
  #frames = 0;
  readonly #emit = (plain: Buffer): void => this.#sink.tunnel(this.#from, plain, this.#place);

  constructor(from: Sender, sink: WebSocketSink) {
    this.#from = from;
    this.#sink = sink;
  }

  /** Number of frame headers read so far. */
  get frames(): number {
    return this.#frames;
  }

  push(bytes: Buffer, place: Place): void {
    this.#place = place;
    let from = bytes;
    let at = 0;
    while (at < from.length) {
      if (this.#seeker) {
        from = this.#seek(at === 0 ? from : from.subarray(at));
        at = 0;
      } else if (this.#inFrame) at = this.#readPayload(from, at);
      else at = this.#readHeader(from, at);
    }
  }

  /** A gap of known length within a payload is skipped. After any other gap the reader searches for the next frame. */
  gap(length: number | undefined, place: Place): void {
    this.#place = place;
    if (this.#seeker) {
      this.#seeker.gap();
      return;
    }
    if (!this.#inFrame || length === undefined || length > this.#left) {
      this.#sink.gap(this.#from, undefined, place, 'missing');
      this.#loseSync('WS_LOST', 'bytes of a frame header are missing');
      return;
    }
    this.#left -= length;
    this.#phase += length;
    if (this.#isTunnel) this.#sink.gap(this.#from, length, place, 'missing');
    if (this.#left === 0) this.#finish();
  }

  end(place: Place): void {
    this.#place = place;
    if (this.#inFrame)
      this.#note('WS_CUT', `${this.#left} of ${this.#header.length} bytes of a frame are missing at the end`);
    else if (this.#partialLength > 0) this.#note('WS_CUT', 'the direction ends within a frame header');
  }

  #readHeader(bytes: Buffer, at: number): number {
    const size = this.#partialLength === 0 ? this.#header.read(bytes, at) : 0;
    if (size > 0) {
      this.#begin();
      return at + size;
    }
    // The header is split: its bytes, at most 14, are collected one by one.
    this.#partial[this.#partialLength++] = bytes[at] as number;
    const second = this.#partial[1] as number;
    if (this.#partialLength >= 2 && this.#partialLength >= frameHeaderSize(second)) {
      this.#header.read(this.#partial, 0);
      this.#partialLength = 0;
      this.#begin();
    }
    return at + 1;
  }

  /** Starts a frame whose header was read. */
  #begin(): void {
    const { opcode, length, rsv } = this.#header;
    const known = opcode <= OPCODE.BINARY || (opcode >= OPCODE.CLOSE && opcode <= OPCODE.PONG);
    if (rsv !== 0 || !known || length > MAX_FRAME_BYTES) {
      const what = rsv !== 0 ? `reserved bits ${rsv}` : known ? `a length of ${length}` : `opcode ${opcode}`;
      this.#sink.gap(this.#from, undefined, this.#place, 'unreadable');
      this.#loseSync('WS_FRAME_ODD', what);
      return;
    }
    this.#frames++;
    this.#inFrame = true;
    this.#left = length;
    this.#phase = 0;
    if (opcode === OPCODE.TEXT || opcode === OPCODE.BINARY) this.#message = opcode;
    this.#isTunnel = opcode <= OPCODE.BINARY && this.#message === OPCODE.BINARY;
    this.#checkFrame();
    if (length === 0) this.#finish();
  }

  /** Notes what is wrong with the header of the current frame. */
  #checkFrame(): void {
    if (this.#closed)
      this.#note('WS_AFTER_CLOSE', `a ${opcodeName(this.#header.opcode)} frame follows the close frame`);
    if (this.#header.masked !== (this.#from === 'client')) {
      this.#note(
        'WS_MASK',
        this.#header.masked ? 'the server masks its frames' : 'the client does not mask its frames',
      );
    }
    if (this.#header.opcode >= OPCODE.CLOSE) {
      if (this.#header.length > MAX_PREVIEW)
        this.#note('WS_CONTROL_LONG', `a ${opcodeName(this.#header.opcode)} of ${this.#header.length} bytes`);
      if (!this.#header.fin)
        this.#note('WS_CONTROL_FRAGMENT', `a ${opcodeName(this.#header.opcode)} frame without the final bit`);
    } else if (this.#header.opcode === OPCODE.TEXT) this.#note('WS_TEXT', 'PDUs travel in binary messages');
    else if (!this.#header.fin || this.#header.opcode === OPCODE.CONTINUATION)
      this.#note('WS_FRAGMENTS', 'a message in several frames');
  }

  #readPayload(bytes: Buffer, at: number): number {
    const end = this.#left < bytes.length - at ? at + this.#left : bytes.length;
    const phase = this.#phase;
    this.#left -= end - at;
    this.#phase = phase + (end - at);
    if (!this.#isTunnel) this.#keepPreview(bytes, at, end, phase);
    else if (this.#header.masked) unmask(bytes, at, end, this.#header.key, phase, this.#emit);
    else this.#emit(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left === 0) this.#finish();
    return end;
  }

  #keepPreview(bytes: Buffer, at: number, end: number, phase: number): void {
    const room = MAX_PREVIEW - this.#preview.length;
    if (room <= 0) return;
    const part = Buffer.from(bytes.subarray(at, Math.min(end, at + room)));
    if (this.#header.masked) {
      for (let index = 0; index < part.length; index++) {
        part[index] = (part[index] as number) ^ (this.#header.key[(phase + index) & 3] as number);
      }
    }
    this.#preview = Buffer.concat([this.#preview, part]);
  }

  #finish(): void {
    this.#inFrame = false;
    if (this.#isTunnel) return;
    const payload = this.#preview;
    this.#preview = EMPTY;
    const isClose = this.#header.opcode === OPCODE.CLOSE;
    if (isClose) this.#closed = true;
    this.#sink.frame({
      from: this.#from,
      opcode: this.#header.opcode,
      name: opcodeName(this.#header.opcode),
      fin: this.#header.fin,
      masked: this.#header.masked,
      length: this.#header.length,
      payload,
      ...(isClose && payload.length >= 2 && { closeCode: payload.readUInt16BE(0) }),
      place: this.#place,
    });
  }

  #loseSync(code: string, detail: string): void {
    this.#note(code, detail);
    this.#inFrame = false;
    this.#partialLength = 0;
    this.#preview = EMPTY;
    this.#message = OPCODE.BINARY;
    this.#seeker = new Seeker(this.#from, ['websocket']);
  }

  /** Searches for the next frame. Returns the bytes from it on, empty while none is found. */
  #seek(bytes: Buffer): Buffer {
    const seeker = this.#seeker as Seeker;
    if (seeker.gaveUp) return EMPTY;
    const found = seeker.push(bytes);
    if (found) {
      this.#seeker = undefined;
      this.#note('WS_FOUND', `frames are understood again after ${found.skipped} bytes`);
      return found.rest;
    }
    if (seeker.gaveUp) this.#note('WS_GIVEN_UP', 'no frame with a PDU in it was found again');
    return EMPTY;
  }

  /** Emits each code once per direction, so that a stream of invalid frames does not flood the output. */
  #note(code: string, detail: string): void {
    if (this.#noted.has(code)) return;
    this.#noted.add(code);
    this.#sink.note({ code, detail: `${this.#from}: ${detail}`, ...this.#place });
  }
}
