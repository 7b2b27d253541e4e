/** Finding the way again behind a gap, or in a capture that began mid-way: the places where our protocols can be recognised. */
import { HEADER_LENGTH, isData } from '../../protocol/index.js';
import { chunkSize } from '../http/body.js';
import { SEED_BYTES } from '../http/seed.js';
import type { Sender } from '../types.js';
import { FrameHeader } from '../websocket/frame-header.js';
import { looksLikePdu, PROBE_BYTES } from './pdu-probe.js';

/** `head`: an HTTP head; `websocket`, `chunk`: a frame or chunk that holds a PDU; `pdu`: a PDU at once, or behind a seed. */
export type Landmark = 'head' | 'websocket' | 'chunk' | 'pdu';

export interface Find {
  readonly landmark: Landmark;
  /** From the landmark on. */
  readonly rest: Buffer;
  /** Bytes in front of it. */
  readonly skipped: number;
}

/** A few of the largest frames that anybody sends: after so many bytes without a landmark there is none. */
export const MAX_SEEK_BYTES = 256 * 1024;

const HEADS: Readonly<Record<Sender, readonly Buffer[]>> = {
  client: ['RDG_OUT_DATA /', 'RDG_IN_DATA /', 'RPC_OUT_DATA /', 'RPC_IN_DATA /', 'GET /remoteDesktopGateway'].map(
    latin1,
  ),
  server: ['HTTP/1.1 ', 'HTTP/1.0 '].map(latin1),
};
/** A final binary frame. */
const FRAME = 0x82;
const MAX_CHUNK_DIGITS = 8;
const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

export class Seeker {
  readonly #from: Sender;
  readonly #wantsPdu: boolean;
  /** By byte: the landmark that it may begin, beside a PDU. Most bytes begin none, and are passed over at once. */
  readonly #begins: readonly (Landmark | undefined)[];
  #held: Buffer = EMPTY;
  #skipped = 0;

  constructor(from: Sender, wanted: readonly Landmark[]) {
    this.#from = from;
    this.#wantsPdu = wanted.includes('pdu');
    this.#begins = FIRST_BYTES[from].map((landmark) => (landmark && wanted.includes(landmark) ? landmark : undefined));
  }

  /** Nothing was found within MAX_SEEK_BYTES. */
  get gaveUp(): boolean {
    return this.#skipped > MAX_SEEK_BYTES;
  }

  push(bytes: Buffer): Find | undefined {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    let at = 0;
    for (; at < all.length && !this.gaveUp; at++) {
      const landmark = this.#landmarkAt(all, at);
      if (landmark === 'unsure') break;
      if (landmark) return { landmark, rest: all.subarray(at), skipped: this.#skipped };
      this.#skipped++;
    }
    this.#held = this.gaveUp ? EMPTY : Buffer.from(all.subarray(at));
    return undefined;
  }

  /** More bytes are missing: what was held joins nothing. */
  gap(): void {
    this.#skipped += this.#held.length;
    this.#held = EMPTY;
  }

  #landmarkAt(all: Buffer, at: number): Landmark | 'unsure' | undefined {
    const offset = this.#skipped;
    if (this.#wantsPdu && (offset === 0 || offset === SEED_BYTES)) {
      const found = looksLikePdu(all, at);
      if (found !== false) return found ? 'pdu' : 'unsure';
    }
    const landmark = this.#begins[all[at] as number];
    if (landmark === undefined) return undefined;
    const found = BEGINS[landmark](all, at, this.#from);
    if (found === undefined) return 'unsure';
    return found ? landmark : undefined;
  }
}

/** Whether a landmark begins there; undefined when more bytes are needed to tell. */
const BEGINS: Readonly<Record<Landmark, (all: Buffer, at: number, from: Sender) => boolean | undefined>> = {
  head: (all, at, from) => startsHead(all, at, HEADS[from]),
  websocket: holdsPdu,
  chunk: startsChunk,
  pdu: (all, at) => looksLikePdu(all, at),
};

const FIRST_BYTES: Readonly<Record<Sender, readonly (Landmark | undefined)[]>> = {
  client: firstBytes(HEADS.client),
  server: firstBytes(HEADS.server),
};

function firstBytes(heads: readonly Buffer[]): (Landmark | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => {
    // INVARIANT: none of the three begins with a byte of another.
    if (byte === FRAME) return 'websocket';
    if (isHexDigit(byte)) return 'chunk';
    return heads.some((head) => head[0] === byte) ? 'head' : undefined;
  });
}

/** Made once: a text full of what may begin a frame must not cost an object for each byte. */
const header = new FrameHeader();
const probe = Buffer.alloc(PROBE_BYTES);

/** A frame whose payload is one PDU, or begins with a DATA PDU (others could be anything when the lengths differ). */
function holdsPdu(all: Buffer, at: number): boolean | undefined {
  const size = header.read(all, at);
  if (size === 0) return undefined;
  if (header.length < HEADER_LENGTH) return false;
  const start = at + size;
  const wanted = Math.min(PROBE_BYTES, header.length);
  if (all.length - start < wanted) return undefined;
  for (let index = 0; index < wanted; index++) {
    const byte = all[start + index] as number;
    probe[index] = header.masked ? byte ^ (header.key[index & 3] as number) : byte;
  }
  const plain = wanted === PROBE_BYTES ? probe : probe.subarray(0, wanted);
  // Only DATA says its length twice, which is what makes it certain whatever the frame's own length is.
  return (
    looksLikePdu(plain, 0, header.length) ||
    (wanted === PROBE_BYTES && isData(plain) && looksLikePdu(plain, 0) === true)
  );
}

function startsHead(all: Buffer, at: number, heads: readonly Buffer[]): boolean | undefined {
  let unsure = false;
  for (const head of heads) {
    let shared = 0;
    while (shared < head.length && at + shared < all.length && all[at + shared] === head[shared]) shared++;
    if (shared === head.length) return true;
    if (at + shared === all.length) unsure = true;
  }
  return unsure ? undefined : false;
}

/** Byte by byte: a pattern for each digit would cost minutes in a text of digits. */
function startsChunk(all: Buffer, at: number): boolean | undefined {
  let end = at;
  while (end < all.length && end - at <= MAX_CHUNK_DIGITS && isHexDigit(all[end] as number)) end++;
  if (end - at > MAX_CHUNK_DIGITS) return false;
  if (end >= all.length) return undefined;
  if (all[end] !== CR) return false;
  if (end + 1 >= all.length) return undefined;
  if (all[end + 1] !== LF) return false;
  // Exactly one PDU: a DATA header alone would also fit behind the last digits of a size that was cut in two.
  return looksLikePdu(all, end + 2, chunkSize(all.toString('latin1', at, end)));
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
