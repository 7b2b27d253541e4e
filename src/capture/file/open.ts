/** A capture file as a stream of packets: recognised by its content, unpacked, read in one pass. */
import type { Readable } from 'node:stream';
import { Fault } from '../../fault.js';
import { ClassicReader } from './classic.js';
import { describeUnknown, FORMAT_BYTES, formatOf } from './format.js';
import { type CaptureSink, Frames } from './frames.js';
import { gunzip } from './gunzip.js';
import { PcapngReader } from './pcapng.js';

export type { CaptureSink } from './frames.js';

/** What to read a file by: with less the calls cost more than the bytes, with more the memory grows for nothing. */
export const READ_BYTES = 1024 * 1024;

/**
 * Reads the capture `input` (of buffers, not of text) to its end, its first damage, or until `signal` says enough: then no
 * further packet is given. Resolves in all three cases, with `input` destroyed unless it ended.
 *
 * Damage is told to the sink: `CAPTURE_EMPTY`, `CAPTURE_UNKNOWN`, `CAPTURE_TRUNCATED`, `CAPTURE_DAMAGED`. Throws the Fault
 * `CAPTURE_UNREADABLE` when reading itself fails, and whatever the sink throws.
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
  const reader = new Reader(frames);
  const first = await beginning(chunks);
  if (frames.stopped) return;
  const whole = startingWith(first, chunks);
  if (formatOf(first) !== 'gzip') {
    for await (const chunk of whole) reader.push(chunk);
  } else {
    const how = await gunzip(whole, (chunk) => reader.push(chunk));
    if (how === 'truncated') frames.problem('CAPTURE_TRUNCATED', 'the gzip data ends in the middle', reader.bytes);
    if (how === 'trailing') frames.problem('CAPTURE_DAMAGED', 'what follows the gzip data is none', reader.bytes);
    if (how === 'damaged') frames.problem('CAPTURE_DAMAGED', 'the gzip data is damaged', reader.bytes);
  }
  reader.end();
}

/** Tells the format and passes everything on to its reader. */
class Reader {
  readonly #frames: Frames;
  #reader: ClassicReader | PcapngReader | undefined;
  #head: Buffer = Buffer.alloc(0);
  /** Bytes seen, unpacked. */
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

/** The chunks of a stream; its failure as a Fault, and its end as soon as nobody listens. */
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

/** As much of the beginning as the format needs. */
async function beginning(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < FORMAT_BYTES) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* startingWith(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
