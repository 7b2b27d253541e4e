/** Where the bytes come from: a file or stdin, recognised by its first bytes, counted for a progress bar, read only as fast as results go out. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { READ_BYTES } from '../capture/file/open.js';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';

export interface Input {
  readonly stream: Readable;
  /** Bytes in all; undefined for a pipe. */
  readonly size: number | undefined;
}

export async function openInput(path: string): Promise<Input> {
  if (path === '-') return { stream: process.stdin, size: undefined };
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw unreadable(path, 'it is a folder');
    return {
      stream: createReadStream(path, { highWaterMark: READ_BYTES }),
      size: facts.isFile() ? facts.size : undefined,
    };
  } catch (cause) {
    throw cause instanceof Fault ? cause : unreadable(path, errnoOf(cause) ?? 'unknown error', cause);
  }
}

/** The first bytes, at least so many where the stream has them, and a stream that still begins with them. */
export async function peek(
  stream: Readable,
  atLeast: number,
): Promise<{ readonly first: Buffer; readonly whole: AsyncIterable<Buffer> }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let first: Buffer = Buffer.alloc(0);
  // A pipe may bring a byte at a time.
  while (first.length < atLeast) {
    const { value, done } = await chunks.next();
    if (done) break;
    first = first.length === 0 ? Buffer.from(value) : Buffer.concat([first, value]);
  }
  return {
    first,
    whole: {
      async *[Symbol.asyncIterator]() {
        if (first.length > 0) yield first;
        for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
      },
    },
  };
}

/** Passes chunks on, after `before` has let each of them through. */
export function paced(whole: AsyncIterable<Buffer>, before: (bytes: number) => Promise<void> | void): Readable {
  async function* steps(): AsyncGenerator<Buffer> {
    for await (const chunk of whole) {
      await before(chunk.length);
      yield chunk;
    }
  }
  return Readable.from(steps(), { objectMode: false, highWaterMark: READ_BYTES });
}

/** `hint` says what should be there. */
export function unreadable(
  place: string,
  why: string,
  cause?: unknown,
  hint = 'give a pcap or pcapng file, a file of hexadecimal text, or - for stdin',
): Fault {
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'no permission',
    EISDIR: 'it is a folder',
  };
  return new Fault({
    kind: 'input',
    code: 'INPUT_UNREADABLE',
    message: `the file cannot be read: ${words[why] ?? why}`,
    place,
    hint,
    cause,
  });
}
