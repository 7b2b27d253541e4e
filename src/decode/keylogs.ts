/** The key logs that somebody named: read, and a word about those that are none. */
import { open } from 'node:fs/promises';
import { KeyLog } from '../capture/tls/keylog.js';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';
import { unreadable } from './input.js';

/** A key log is small; whoever names a capture by mistake shall not wait for it. */
const MAX_KEYLOG_BYTES = 64 * 1024 * 1024;
const HINT = 'give a TLS key log (NSS format), as rdgw serve --keylog and SSLKEYLOGFILE write it';

export interface KeylogNames {
  /** Of `--keylog`: each has to be readable. */
  readonly keylogs: readonly string[];
  /** Of the environment, where it may have been set for other programs, long ago. */
  readonly environmentKeylog: string | undefined;
}

/** Adds what the files say to `keys`. Returns what a person should hear about them. Throws a `Fault`. */
export async function readKeylogs(keys: KeyLog, { keylogs, environmentKeylog }: KeylogNames): Promise<string[]> {
  const warnings: string[] = [];
  for (const path of keylogs) warnings.push(...take(keys, path, await read(path)));
  if (environmentKeylog === undefined) return warnings;
  try {
    warnings.push(...take(keys, environmentKeylog, await read(environmentKeylog)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    warnings.push(`SSLKEYLOGFILE: ${error.message} (${environmentKeylog})`);
  }
  return warnings;
}

function* take(keys: KeyLog, path: string, text: string): Generator<string> {
  // Nothing new may also mean that another file has said it already.
  if (keys.add(text) > 0 || new KeyLog().add(text) > 0) return;
  let lines = 0;
  for (const _ of text.matchAll(/^.*\S.*$/gm)) lines += 1;
  if (lines === 0) yield `${path}: the key log is empty`;
  else
    yield `${path}: 0 of ${lines} ${lines === 1 ? 'line is' : 'lines are'} understood as TLS keys; is this a key log?`;
}

async function read(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > MAX_KEYLOG_BYTES)
        throw unreadable(path, `it is larger than ${MAX_KEYLOG_BYTES} bytes`, undefined, HINT);
      // A pipe or a device has no size.
      const parts: Buffer[] = [];
      let length = 0;
      for await (const part of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
        parts.push(part);
        length += part.length;
        if (length > MAX_KEYLOG_BYTES)
          throw unreadable(path, `it is larger than ${MAX_KEYLOG_BYTES} bytes`, undefined, HINT);
      }
      return textOf(Buffer.concat(parts));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw cause instanceof Fault ? cause : unreadable(path, errnoOf(cause) ?? 'unknown error', cause, HINT);
  }
}

/** ASCII, also with the mark of UTF-8 in front, or as UTF-16, which PowerShell makes of what it redirects. */
function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return bytes.toString('latin1', isMarked ? 3 : 0);
}
