/**
 * Streaming gzip decompression (RFC 1952). This file splits the input into members itself: zlib's gzip reader discards
 * output that it has just decompressed when data that is not gzip follows a member.
 */
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { memberHeaderLength } from './gzip-header.js';

/** Bytes decompressed at a time. Output of a damaged file ends at most this far before the damage. */
const OUTPUT_BYTES = 64 * 1024;
/** CRC32 and ISIZE. */
const TRAILER_BYTES = 8;

/** `trailing`: all members are complete, but data that is not gzip follows. */
export type GunzipOutcome = 'whole' | 'trailing' | 'truncated' | 'damaged';

/**
 * Decompresses `chunks`, calls `push` with the output, and resolves with the outcome. Rejects with any error thrown by
 * `push` or by the iteration of `chunks`. The iterator is closed in every case.
 */
export async function gunzip(chunks: AsyncIterable<Buffer>, push: (chunk: Buffer) => void): Promise<GunzipOutcome> {
  const source = new Source(chunks);
  try {
    for (let members = 0; ; members++) {
      if (members > 0 && !(await source.skipZeros())) return 'whole';
      const header = await readHeader(source);
      if (header !== 'read') return members > 0 && header === 'damaged' ? 'trailing' : header;
      const member = await inflate(source, push);
      if (typeof member === 'string') return member;
      if (!(await source.has(TRAILER_BYTES))) return 'truncated';
      const trailer = source.take(TRAILER_BYTES);
      if (trailer.readUInt32LE(0) !== member.checksum || trailer.readUInt32LE(4) !== member.length % 2 ** 32)
        return 'damaged';
    }
  } finally {
    await source.close();
  }
}

async function readHeader(source: Source): Promise<'read' | 'truncated' | 'damaged'> {
  for (;;) {
    const length = memberHeaderLength(source.bytes);
    if (length === undefined) return 'damaged';
    if (length > 0) {
      source.take(length);
      return 'read';
    }
    if (!(await source.readMore())) return 'truncated';
  }
}

interface Member {
  readonly checksum: number;
  readonly length: number;
}

async function inflate(source: Source, push: (chunk: Buffer) => void): Promise<Member | 'truncated' | 'damaged'> {
  const stream = createInflateRaw({ chunkSize: OUTPUT_BYTES });
  const state = { checksum: 0, length: 0, ended: false };
  let pushError: { readonly error: unknown } | undefined;
  let inflateError: NodeJS.ErrnoException | undefined;
  // The callback of a write is called neither after an error nor after the end of the member.
  let resolvePending = (): void => {};
  stream.on('data', (chunk: Buffer) => {
    // An exception thrown in a stream event handler would end the process instead of reaching the caller.
    if (pushError) return;
    try {
      state.checksum = crc32(chunk, state.checksum);
      state.length += chunk.length;
      push(chunk);
    } catch (error) {
      pushError = { error };
    }
  });
  stream.on('error', (error) => {
    inflateError = error;
  });
  stream.once('end', () => {
    state.ended = true;
    resolvePending();
  });
  stream.once('close', () => resolvePending());
  const untilDone = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      resolvePending = resolve;
      begin(resolve);
    });
  try {
    while (!state.ended && !pushError && !inflateError && (await source.has(1))) await feed(stream, source, untilDone);
    if (!state.ended && !pushError && !inflateError) await untilDone(() => stream.end());
  } finally {
    stream.destroy();
  }
  if (pushError) throw pushError.error;
  if (inflateError) return inflateError.code === 'Z_BUF_ERROR' ? 'truncated' : 'damaged';
  return state;
}

/** Writes the buffered bytes and removes from the source those that the member used. */
async function feed(
  stream: InflateRaw,
  source: Source,
  untilDone: (begin: (done: () => void) => void) => Promise<void>,
): Promise<void> {
  const before = stream.bytesWritten;
  await untilDone((done) => void stream.write(source.bytes, () => done()));
  source.take(stream.bytesWritten - before);
}

/** A buffered byte source over an iterable of chunks. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  /** Bytes that were read and not yet taken. */
  bytes: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async readMore(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.bytes = this.bytes.length === 0 ? value : Buffer.concat([this.bytes, value]);
    return true;
  }

  async has(length: number): Promise<boolean> {
    while (this.bytes.length < length) if (!(await this.readMore())) return false;
    return true;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return taken;
  }

  /** Skips zero padding between members. Resolves with whether other bytes follow. */
  async skipZeros(): Promise<boolean> {
    while (await this.has(1)) {
      const next = this.bytes.findIndex((byte) => byte !== 0);
      if (next >= 0) {
        this.take(next);
        return true;
      }
      this.take(this.bytes.length);
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
