import { lstat, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { createFile, errnoOf, replaceFile } from '../files.js';
import { sameTarget } from './connection.js';
import { formatRdp } from './format.js';
import { parseRdp, RDP_FILE_MAX } from './parse.js';
import type { RdpSetting } from './settings.js';

/**
 * Writes a private .rdp file, whole or not at all. An .rdp file for the same target is replaced, any other file or a
 * symbolic link to one only with `force`, and what is neither (a folder, a device, a link to them) never.
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

type Kind = 'nothing' | 'file' | 'link' | 'other';

async function look(path: string): Promise<Kind> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return await lookThrough(path);
    return found.isFile() ? 'file' : 'other';
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 'nothing';
    throw cause;
  }
}

/** A link to a file, or to nothing, is one that somebody may want to replace. */
async function lookThrough(path: string): Promise<Kind> {
  // /dev/stdout may well lead to a file at the moment, and is still not a place for ours.
  const target = resolve(dirname(path), await readlink(path));
  if (/^\/(?:dev|proc)\//.test(target)) return 'other';
  try {
    return (await stat(path)).isFile() ? 'link' : 'other';
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 'link';
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
