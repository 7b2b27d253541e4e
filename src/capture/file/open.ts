/** Reads a capture file as a stream of packets in one pass. Format and compression are detected from the content. */
import type { Readable } from 'node:stream';
import { Fault } from '../../fault.js';
import { ClassicReader } from './classic.js';
import { describeUnknown, FORMAT_BYTES, formatOf } from './format.js';
import { type CaptureSink, Frames } from './frames.js';
import { gunzip } from './gunzip.js';
import { PcapngReader } from './pcapng.js';

export type { CaptureSink } from './frames.js';

/** Recommended chunk size for reading a file. Smaller is slower because of the calls; larger only uses more memory. */
export const READ_BYTES = 1024 * 1024;

/**
 * Reads the capture `input` (a stream of buffers, not of text) to its end, to the first damage, or until `signal`
 * aborts. After an abort the sink receives no further packet. Resolves in all three cases and destroys `input` unless
 * it ended.
 *
 * Damage is reported to the sink as `CAPTURE_EMPTY`, `CAPTURE_UNKNOWN`, `CAPTURE_TRUNCATED` or `CAPTURE_DAMAGED`.
 *
 * @throws Fault `CAPTURE_UNREADABLE` when reading `input` fails, and any error that the sink throws.
 */
export async function openCapture(input: Readable, sink: CaptureSink, signal?: AbortSignal): Promise<void> {
  const frames = new Frames(sink);
  const stop = () => {
    frames.stop();
    input.destroy();
  };
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await readInto(frames, chunksOf(input, frames));
  } finally {
    signal?.removeEventListener('abort', stop);
    if (!input.readableEnded) input.destroy();
  }
}

async function readInto(frames: Frames, chunks: AsyncGenerator<Buffer>): Promise<void> {
  const reader = new DetectingReader(frames);
  const first = await readHead(chunks);
  if (frames.stopped) return;
  const all = prepend(first, chunks);
  if (formatOf(first) !== 'gzip') {
    for await (const chunk of all) reader.push(chunk);
  } else {
    const outcome = await gunzip(all, (chunk) => reader.push(chunk));
    if (outcome === 'truncated') frames.problem('CAPTURE_TRUNCATED', 'the gzip data ends in the middle', reader.bytes);
    if (outcome === 'trailing')
      frames.problem('CAPTURE_DAMAGED', 'the bytes after the gzip data are not gzip', reader.bytes);
    if (outcome === 'damaged') frames.problem('CAPTURE_DAMAGED', 'the gzip data is damaged', reader.bytes);
  }
  reader.end();
}

/** Detects the format and forwards all chunks to the reader of that format. */
class DetectingReader {
  readonly #frames: Frames;
  #reader: ClassicReader | PcapngReader | undefined;
  #head: Buffer = Buffer.alloc(0);
  /** Number of bytes received, after decompression. */
  bytes = 0;

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  push(chunk: Buffer): void {
    if (this.#frames.stopped) return;
    this.bytes += chunk.length;
    if (this.#reader) {
      this.#reader.push(chunk);
      return;
    }
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    if (this.#head.length < FORMAT_BYTES) return;
    this.#reader = readerFor(this.#head, this.#frames);
    this.#reader?.push(this.#head);
    this.#head = Buffer.alloc(0);
  }

  end(): void {
    if (this.#reader) this.#reader.end();
    else readerFor(this.#head, this.#frames);
  }
}

function readerFor(head: Buffer, frames: Frames): ClassicReader | PcapngReader | undefined {
  const format = formatOf(head);
  if (format === 'pcap') return new ClassicReader(frames);
  if (format === 'pcapng') return new PcapngReader(frames);
  const code = head.length === 0 ? 'CAPTURE_EMPTY' : 'CAPTURE_UNKNOWN';
  frames.problem(code, format === 'gzip' ? 'gzip within gzip: unpack it first' : describeUnknown(head), 0);
  return undefined;
}

/** Yields the chunks of a stream until reading is stopped. Throws a Fault when the stream fails. */
async function* chunksOf(input: Readable, frames: Frames): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input) {
      yield chunk as Buffer;
      if (frames.stopped) return;
    }
  } catch (cause) {
    if (frames.stopped) return;
    throw new Fault({
      kind: 'input',
      code: 'CAPTURE_UNREADABLE',
      message: `the capture cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
}

/** Reads at least `FORMAT_BYTES` bytes, or everything when the stream is shorter. */
async function readHead(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < FORMAT_BYTES) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
