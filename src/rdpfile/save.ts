import { lstat, readFile } from 'node:fs/promises';
import { Fault } from '../fault.js';
import { createFile, errnoOf, replaceFile } from '../files.js';
import { sameTarget } from './connection.js';
import { formatRdp } from './format.js';
import { parseRdp, RDP_FILE_MAX } from './parse.js';
import type { RdpSetting } from './settings.js';

/**
 * Writes a private .rdp file, whole or not at all. An .rdp file for the same target is replaced, any other file or a
 * symbolic link only with `force`, and what is neither (a folder, a device) never.
 * Returns whether something was replaced. Throws a `Fault` of kind `usage`: `FILE_EXISTS`, `FILE_KIND` or `FILE_UNWRITABLE`;
 * and `SETTING_INVALID`.
 */
export async function saveRdp(path: string, settings: readonly RdpSetting[], force: boolean): Promise<boolean> {
  const bytes = formatRdp(settings);
  try {
    const there = await look(path);
    if (there === 'other') {
      throw refuse('FILE_KIND', 'this is not a plain file and is left as it is', path, 'use --output - for stdout');
    }
    if (there === 'nothing') {
      await createFile(path, bytes);
      return false;
    }
    if (!force && (there === 'link' || !(await opens(path, settings)))) {
      throw refuse('FILE_EXISTS', 'there is a file that is not for this target', path, 'add --force to replace it');
    }
    await replaceFile(path, bytes);
    return true;
  } catch (cause) {
    throw inWords(cause, path);
  }
}

async function look(path: string): Promise<'nothing' | 'file' | 'link' | 'other'> {
  try {
    const found = await lstat(path);
    return found.isFile() ? 'file' : found.isSymbolicLink() ? 'link' : 'other';
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 'nothing';
    throw cause;
  }
}

async function opens(path: string, settings: readonly RdpSetting[]): Promise<boolean> {
  if ((await lstat(path)).size > RDP_FILE_MAX) return false;
  try {
    return sameTarget(parseRdp(await readFile(path)), settings);
  } catch (cause) {
    if (cause instanceof Fault) return false;
    throw cause;
  }
}

function inWords(cause: unknown, path: string): unknown {
  const errno = errnoOf(cause);
  if (cause instanceof Fault || errno === undefined) return cause;
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'the folder does not exist',
    ENOTDIR: 'a part of the path is not a folder',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENAMETOOLONG: 'the name is too long',
    EEXIST: 'another process has just written it',
  };
  const message = `the file cannot be written: ${words[errno] ?? errno}`;
  return refuse('FILE_UNWRITABLE', message, path, 'choose another file with --output', cause);
}

function refuse(code: string, message: string, place: string, hint: string, cause?: unknown): Fault {
  return new Fault({ kind: 'usage', code, message, place, hint, cause });
}
