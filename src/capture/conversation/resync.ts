/**
 * Resynchronisation after a gap, or in a capture that began mid-stream: a search for places where a protocol is
 * recognised.
 */
import { HEADER_LENGTH, isData } from '../../protocol/index.js';
import { chunkSize } from '../http/body.js';
import { SEED_BYTES } from '../http/seed.js';
import type { Sender } from '../types.js';
import { FrameHeader } from '../websocket/frame-header.js';
import { looksLikePdu, PROBE_BYTES } from './pdu-probe.js';

/**
 * `head`: an HTTP head; `websocket`, `chunk`: a frame or chunk with a PDU; `pdu`: a PDU as the first bytes or after a
 * seed.
 */
export type Landmark = 'head' | 'websocket' | 'chunk' | 'pdu';

export interface LandmarkMatch {
  readonly landmark: Landmark;
  /** The bytes from the landmark on. */
  readonly rest: Buffer;
  /** Number of bytes before the landmark. */
  readonly skipped: number;
}

/** The search ends after so many bytes, a few times the largest frame in use. */
export const MAX_SEEK_BYTES = 256 * 1024;

const HEADS: Readonly<Record<Sender, readonly Buffer[]>> = {
  client: ['RDG_OUT_DATA /', 'RDG_IN_DATA /', 'RPC_OUT_DATA /', 'RPC_IN_DATA /', 'GET /remoteDesktopGateway'].map(
    latin1,
  ),
  server: ['HTTP/1.1 ', 'HTTP/1.0 '].map(latin1),
};
/** The first byte of a final binary frame. */
const FRAME = 0x82;
const MAX_CHUNK_DIGITS = 8;
const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

export class Seeker {
  readonly #from: Sender;
  readonly #wantsPdu: boolean;
  /**
   * By byte value: the landmark, other than a PDU, that may begin with it. Most bytes begin none and are skipped at
   * once.
   */
  readonly #candidates: readonly (Landmark | undefined)[];
  #held: Buffer = EMPTY;
  #skipped = 0;

  constructor(from: Sender, wanted: readonly Landmark[]) {
    this.#from = from;
    this.#wantsPdu = wanted.includes('pdu');
    this.#candidates = FIRST_BYTES[from].map((landmark) =>
      landmark && wanted.includes(landmark) ? landmark : undefined,
    );
  }

  /** No landmark was found within MAX_SEEK_BYTES. */
  get gaveUp(): boolean {
    return this.#skipped > MAX_SEEK_BYTES;
  }

  push(bytes: Buffer): LandmarkMatch | undefined {
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

  /** More bytes are missing: the buffered bytes are discarded, because what follows does not continue them. */
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
    const landmark = this.#candidates[all[at] as number];
    if (landmark === undefined) return undefined;
    const found = MATCHERS[landmark](all, at, this.#from);
    if (found === undefined) return 'unsure';
    return found ? landmark : undefined;
  }
}

/** Whether a landmark begins at `at`; undefined when more bytes are needed. */
const MATCHERS: Readonly<Record<Landmark, (all: Buffer, at: number, from: Sender) => boolean | undefined>> = {
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
    // INVARIANT: no byte may begin two of the three landmarks.
    if (byte === FRAME) return 'websocket';
    if (isHexDigit(byte)) return 'chunk';
    return heads.some((head) => head[0] === byte) ? 'head' : undefined;
  });
}

/** Shared, so that input full of bytes that may begin a frame does not allocate an object for each of them. */
const header = new FrameHeader();
const probe = Buffer.alloc(PROBE_BYTES);

/**
 * Whether a frame's payload is one PDU or begins with a DATA PDU. With a length of its own any other type is too
 * uncertain.
 */
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
  // DATA states its length twice, which makes it certain even when the frame has another length.
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

/** Byte by byte: a regular expression at each digit would take minutes on a long run of digits. */
function startsChunk(all: Buffer, at: number): boolean | undefined {
  let end = at;
  while (end < all.length && end - at <= MAX_CHUNK_DIGITS && isHexDigit(all[end] as number)) end++;
  if (end - at > MAX_CHUNK_DIGITS) return false;
  if (end >= all.length) return undefined;
  if (all[end] !== CR) return false;
  if (end + 1 >= all.length) return undefined;
  if (all[end + 1] !== LF) return false;
  // The chunk must be exactly one PDU: a DATA header alone would also match after the last digits of a truncated size.
  return looksLikePdu(all, end + 2, chunkSize(all.toString('latin1', at, end)));
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
