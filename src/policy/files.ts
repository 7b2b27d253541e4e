import { stat } from 'node:fs/promises';
import { Fault } from '../fault.js';
import { readTrusted } from '../files.js';

/** In bytes: enough for a list of ten thousand tokens with targets. A wrong file name cannot exhaust the memory. */
export const POLICY_FILE_MAX = 1024 * 1024;

export interface PolicyFile {
  readonly path: string;
  readonly text: string;
  /** Permission bits. A secret that other users can read causes a warning. */
  readonly mode: number;
}

/**
 * Reads a small text file that the configuration refers to: public keys, a JWK set, a token list.
 *
 * @param setting the setting with the path (`auth.paa.keys`), for error messages.
 * @throws {Fault} of kind `configuration`: `POLICY_FILE_MISSING`, `POLICY_FILE_UNREADABLE` or `POLICY_FILE_TOO_LARGE`,
 * and those of `readTrusted`.
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
        hint: 'check the path',
      });
    }
    const { text } = await readTrusted(path, `the file of ${setting}`);
    return { path, text, mode: mode & 0o777 };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Fault({
      kind: 'configuration',
      code: missing ? 'POLICY_FILE_MISSING' : 'POLICY_FILE_UNREADABLE',
      message: missing ? `the file of ${setting} does not exist` : `the file of ${setting} cannot be read`,
      place: path,
      hint: missing
        ? 'paths in a configuration file are relative to that file'
        : 'check that it is a regular file and that its permissions allow reading',
      cause,
    });
  }
}
