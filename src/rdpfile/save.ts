import { lstat, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { createFile, errnoOf, replaceFile } from '../files.js';
import { sameTarget } from './connection.js';
import { formatRdp } from './format.js';
import { parseRdp, RDP_FILE_MAX } from './parse.js';
import type { RdpSetting } from './settings.js';

/**
 * Writes a private .rdp file atomically. Replaces an .rdp file for the same target. Replaces any other file, and a symbolic link to
 * a file or to a missing file, only with `force`. Never replaces anything else (a folder, a device, a link to one of them).
 *
 * Returns whether something was replaced. Throws a `Fault` of kind `usage`: `FILE_EXISTS`, `FILE_KIND`, `FILE_UNWRITABLE` or
 * `SETTING_INVALID`.
 */
export async function saveRdp(path: string, settings: readonly RdpSetting[], force: boolean): Promise<boolean> {
  const bytes = formatRdp(settings);
  try {
    const existing = await kindOf(path);
    if (existing === 'other') {
      throw refuse('FILE_KIND', 'the path exists and is not a regular file', path, 'use --output - for stdout');
    }
    if (existing === 'nothing') {
      await createFile(path, bytes);
      return false;
    }
    if (!force && (existing === 'link' || !(await hasSameTarget(path, settings)))) {
      const message =
        existing === 'link' ? 'the path is a symbolic link' : 'the file exists and is not for this target';
      throw refuse('FILE_EXISTS', message, path, 'add --force to replace it');
    }
    await replaceFile(path, bytes);
    return true;
  } catch (cause) {
    throw toFault(cause, path);
  }
}

type Kind = 'nothing' | 'file' | 'link' | 'other';

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return await kindOfLink(path);
    return found.isFile() ? 'file' : 'other';
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 'nothing';
    throw cause;
  }
}

/** Returns `link` for a symbolic link to a file or to a missing file, else `other`. */
async function kindOfLink(path: string): Promise<Kind> {
  // /dev/stdout can be a link to a file, but must not be replaced.
  const target = resolve(dirname(path), await readlink(path));
  if (/^\/(?:dev|proc)\//.test(target)) return 'other';
  try {
    return (await stat(path)).isFile() ? 'link' : 'other';
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 'link';
    throw cause;
  }
}

async function hasSameTarget(path: string, settings: readonly RdpSetting[]): Promise<boolean> {
  if ((await lstat(path)).size > RDP_FILE_MAX) return false;
  try {
    return sameTarget(parseRdp(await readFile(path)), settings);
  } catch (cause) {
    if (cause instanceof Fault) return false;
    throw cause;
  }
}

function toFault(cause: unknown, path: string): unknown {
  const errno = errnoOf(cause);
  if (cause instanceof Fault || errno === undefined) return cause;
  const messages: Readonly<Record<string, string>> = {
    ENOENT: 'the folder does not exist',
    ENOTDIR: 'a part of the path is not a folder',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENAMETOOLONG: 'the name is too long',
    EEXIST: 'another process has created it',
  };
  const message = `the file cannot be written: ${messages[errno] ?? errno}`;
  return refuse('FILE_UNWRITABLE', message, path, 'choose another file with --output', cause);
}

function refuse(code: string, message: string, place: string, hint: string, cause?: unknown): Fault {
  return new Fault({ kind: 'usage', code, message, place, hint, cause });
}
