/** Reads a file or stdin, with access to the first bytes and with backpressure. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { READ_BYTES } from '../capture/file/open.js';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';

export interface Input {
  readonly stream: Readable;
  /** Total bytes; undefined for a pipe or device. */
  readonly size: number | undefined;
}

/** Opens a file, or stdin for `-`. Throws a `Fault` of kind `input` (`INPUT_UNREADABLE`). */
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

/**
 * Reads the first bytes, at least `atLeast` if the stream has them. `whole` is the stream with these bytes included.
 */
export async function peek(
  stream: Readable,
  atLeast: number,
): Promise<{ readonly first: Buffer; readonly whole: AsyncIterable<Buffer> }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let first: Buffer = Buffer.alloc(0);
  // A pipe may deliver one byte at a time.
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

/** Passes chunks on, each after `before` has completed for it. */
export function paced(whole: AsyncIterable<Buffer>, before: (bytes: number) => Promise<void> | void): Readable {
  async function* steps(): AsyncGenerator<Buffer> {
    for await (const chunk of whole) {
      await before(chunk.length);
      yield chunk;
    }
  }
  return Readable.from(steps(), { objectMode: false, highWaterMark: READ_BYTES });
}

/** The fault for a file that cannot be read. `why` is an errno name or a message, `hint` names what is expected. */
export function unreadable(
  place: string,
  why: string,
  cause?: unknown,
  hint = 'give a pcap or pcapng file, a file of hexadecimal text, or - for stdin',
): Fault {
  const messages: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    EACCES: 'no permission',
    EISDIR: 'it is a folder',
  };
  return new Fault({
    kind: 'input',
    code: 'INPUT_UNREADABLE',
    message: `the file cannot be read: ${messages[why] ?? why}`,
    place,
    hint,
    cause,
  });
}
