/** Finding the way again behind a gap, or in a capture that began mid-way: the places where our protocols can be recognised. */
import { isData } from '../protocol/index.js';
import { FrameHeader } from './frame-header.js';
import { chunkSize } from './http/body.js';
import { SEED_BYTES } from './http/seed.js';
import { looksLikePdu, PROBE_BYTES } from './pdu-probe.js';
import type { Sender } from './types.js';

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
const FIRST_BYTES: Readonly<Record<Sender, ReadonlySet<number>>> = {
  client: new Set(HEADS.client.map((head) => head[0] as number)),
  server: new Set(HEADS.server.map((head) => head[0] as number)),
};
/** A final binary frame. */
const FRAME = 0x82;
const CHUNK_LINE = /^([0-9a-f]{1,8})\r\n/i;
const LONGEST_CHUNK_LINE = 10;
const EMPTY = Buffer.alloc(0);

export class Seeker {
  readonly #from: Sender;
  readonly #wanted: ReadonlySet<Landmark>;
  #held: Buffer = EMPTY;
  #skipped = 0;

  constructor(from: Sender, wanted: readonly Landmark[]) {
    this.#from = from;
    this.#wanted = new Set(wanted);
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
    const byte = all[at] as number;
    const offset = this.#skipped;
    if (this.#wanted.has('pdu') && (offset === 0 || offset === SEED_BYTES)) {
      const found = looksLikePdu(all, at);
      if (found !== false) return found ? 'pdu' : 'unsure';
    }
    if (byte === FRAME && this.#wanted.has('websocket')) {
      const found = holdsPdu(all, at);
      if (found !== false) return found ? 'websocket' : 'unsure';
    }
    if (FIRST_BYTES[this.#from].has(byte) && this.#wanted.has('head')) {
      const found = startsHead(all, at, HEADS[this.#from]);
      if (found !== false) return found ? 'head' : 'unsure';
    }
    if (isHexDigit(byte) && this.#wanted.has('chunk')) {
      const found = startsChunk(all, at);
      if (found !== false) return found ? 'chunk' : 'unsure';
    }
    return undefined;
  }
}

/** A frame whose payload is one PDU, or begins with a DATA PDU (others could be anything when the lengths differ). */
function holdsPdu(all: Buffer, at: number): boolean | undefined {
  const header = new FrameHeader();
  const size = header.read(all, at);
  if (size === 0) return undefined;
  const start = at + size;
  const wanted = Math.min(PROBE_BYTES, header.length);
  if (all.length - start < wanted) return undefined;
  const probe = Buffer.from(all.subarray(start, start + wanted));
  if (header.masked) {
    for (let index = 0; index < wanted; index++) {
      probe[index] = (probe[index] as number) ^ (header.key[index & 3] as number);
    }
  }
  // Only DATA says its length twice, which is what makes it certain whatever the frame's own length is.
  return (
    looksLikePdu(probe, 0, header.length) ||
    (wanted === PROBE_BYTES && isData(probe) && looksLikePdu(probe, 0) === true)
  );
}

function startsHead(all: Buffer, at: number, heads: readonly Buffer[]): boolean | undefined {
  let unsure = false;
  for (const head of heads) {
    const shared = Math.min(head.length, all.length - at);
    if (all.compare(head, 0, shared, at, at + shared) !== 0) continue;
    if (shared === head.length) return true;
    unsure = true;
  }
  return unsure ? undefined : false;
}

function startsChunk(all: Buffer, at: number): boolean | undefined {
  const text = all.toString('latin1', at, Math.min(all.length, at + LONGEST_CHUNK_LINE));
  const digits = CHUNK_LINE.exec(text)?.[1];
  if (digits === undefined) return text.length < LONGEST_CHUNK_LINE && /^[0-9a-f]+\r?$/i.test(text) ? undefined : false;
  // Exactly one PDU: a DATA header alone would also fit behind the last digits of a size that was cut in two.
  return looksLikePdu(all, at + digits.length + 2, chunkSize(digits));
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
