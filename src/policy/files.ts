import { readFile, stat } from 'node:fs/promises';
import { Fault } from '../fault.js';

/** A list of ten thousand tokens with targets fits; a file that was named by mistake does not fill the memory. */
export const POLICY_FILE_MAX = 1024 * 1024;

export interface PolicyFile {
  readonly path: string;
  readonly text: string;
  /** Permission bits, for a word of warning about a secret that others can read. */
  readonly mode: number;
}

/**
 * Reads a small text file that the configuration names: keys, a key set, a token list.
 * @param setting the setting that names it (`auth.paa.keys`), for the message.
 * Throws a `Fault` of kind `configuration`: `POLICY_FILE_MISSING`, `POLICY_FILE_UNREADABLE` or `POLICY_FILE_TOO_LARGE`.
 */
export async function readPolicyFile(path: string, setting: string): Promise<PolicyFile> {
  try {
    const { size, mode } = await stat(path);
    if (size > POLICY_FILE_MAX) {
      throw new Fault({
        kind: 'configuration',
        code: 'POLICY_FILE_TOO_LARGE',
        message: `the file of ${setting} is larger than 1 MiB`,
        place: path,
      });
    }
    return { path, text: await readFile(path, 'utf8'), mode: mode & 0o777 };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Fault({
      kind: 'configuration',
      code: missing ? 'POLICY_FILE_MISSING' : 'POLICY_FILE_UNREADABLE',
      message: missing ? `the file of ${setting} does not exist` : `the file of ${setting} cannot be read`,
      place: path,
      hint: missing ? 'paths in a configuration file are relative to that file' : 'check its kind and its permissions',
      cause,
    });
  }
}
