/**
 * Unpacks gzip on its way in (RFC 1952). The members are told apart here: zlib's own reader loses what it has just unpacked
 * when something that is no gzip stands behind it.
 */
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { memberHeaderLength } from './gzip-header.js';

/** Bytes unpacked at a time. What a damaged file still yields ends within this distance of the damage. */
const OUTPUT_BYTES = 64 * 1024;
/** Checksum and length. */
const TRAILER_BYTES = 8;

/** `trailing`: all is there, and something that is no gzip follows. */
export type GunzipOutcome = 'whole' | 'trailing' | 'truncated' | 'damaged';

/**
 * Unpacks `chunks` into `push`, as fast as `push` takes them, and says how that ended. Rejects with whatever `push` throws
 * and whatever reading the chunks throws.
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
    if (!(await source.more())) return 'truncated';
  }
}

interface Member {
  readonly checksum: number;
  readonly length: number;
}

async function inflate(source: Source, push: (chunk: Buffer) => void): Promise<Member | 'truncated' | 'damaged'> {
  const stream = createInflateRaw({ chunkSize: OUTPUT_BYTES });
  const state = { checksum: 0, length: 0, ended: false };
  let thrown: { readonly error: unknown } | undefined;
  let failure: NodeJS.ErrnoException | undefined;
  // A callback of a write comes neither after a failure nor behind the end.
  let wake = (): void => {};
  stream.on('data', (chunk: Buffer) => {
    // A throw out of a stream's event would end the process instead of reaching the caller.
    if (thrown) return;
    try {
      state.checksum = crc32(chunk, state.checksum);
      state.length += chunk.length;
      push(chunk);
    } catch (error) {
      thrown = { error };
    }
  });
  stream.on('error', (error) => {
    failure = error;
  });
  stream.once('end', () => {
    state.ended = true;
    wake();
  });
  stream.once('close', () => wake());
  const turn = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      begin(resolve);
    });
  try {
    while (!state.ended && !thrown && !failure && (await source.has(1))) await feed(stream, source, turn);
    if (!state.ended && !thrown && !failure) await turn(() => stream.end());
  } finally {
    stream.destroy();
  }
  if (thrown) throw thrown.error;
  if (failure) return failure.code === 'Z_BUF_ERROR' ? 'truncated' : 'damaged';
  return state;
}

/** Gives what is there; takes from the source what was used of it. */
async function feed(
  stream: InflateRaw,
  source: Source,
  turn: (begin: (done: () => void) => void) => Promise<void>,
): Promise<void> {
  const before = stream.bytesWritten;
  await turn((done) => void stream.write(source.bytes, () => done()));
  source.take(stream.bytesWritten - before);
}

/** Chunks as one row of bytes. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  /** Those that came and were not taken. */
  bytes: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.bytes = this.bytes.length === 0 ? value : Buffer.concat([this.bytes, value]);
    return true;
  }

  async has(length: number): Promise<boolean> {
    while (this.bytes.length < length) if (!(await this.more())) return false;
    return true;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return taken;
  }

  /** Steps over padding; gives whether anything follows. */
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
