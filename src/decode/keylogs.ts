/** Reads the TLS key logs of `--keylog` and SSLKEYLOGFILE, and warns about files that contain no key. */
import { open } from 'node:fs/promises';
import { KeyLog } from '../capture/tls/keylog.js';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';
import { unreadable } from './input.js';

/** A key log is small. The limit rejects a capture that was given by mistake without reading all of it. */
const MAX_KEYLOG_BYTES = 64 * 1024 * 1024;
const HINT = 'give a TLS key log in NSS format, as written with rdgw serve --keylog or SSLKEYLOGFILE';

export interface KeylogNames {
  /** The files of `--keylog`. Each must be readable. */
  readonly keylogs: readonly string[];
  /** The file of SSLKEYLOGFILE, which may be set for other programs. An unreadable file is only a warning. */
  readonly environmentKeylog: string | undefined;
}

/** Adds the keys of the files to `keys` and returns warnings. Throws a `Fault` for an unreadable file of `--keylog`. */
export async function readKeylogs(keys: KeyLog, { keylogs, environmentKeylog }: KeylogNames): Promise<string[]> {
  const warnings: string[] = [];
  for (const path of keylogs) warnings.push(...addKeys(keys, path, await read(path)));
  if (environmentKeylog === undefined) return warnings;
  try {
    warnings.push(...addKeys(keys, environmentKeylog, await read(environmentKeylog)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    warnings.push(`SSLKEYLOGFILE: ${error.message} (${environmentKeylog})`);
  }
  return warnings;
}

function* addKeys(keys: KeyLog, path: string, text: string): Generator<string> {
  // No new keys may also mean that another file contains the same ones.
  if (keys.add(text) > 0 || new KeyLog().add(text) > 0) return;
  let lines = 0;
  for (const _ of text.matchAll(/^.*\S.*$/gm)) lines += 1;
  if (lines === 0) yield `${path}: the key log is empty`;
  else yield `${path}: no TLS keys in ${lines} ${lines === 1 ? 'line' : 'lines'}; is this a key log?`;
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

/**
 * Decodes ASCII, with or without the UTF-8 byte order mark, and UTF-16, which PowerShell writes for redirected output.
 */
function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return bytes.toString('latin1', isMarked ? 3 : 0);
}
