/** The file of TLS secrets that `rdgw serve --keylog` writes. */
import { accessSync, appendFileSync, closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../fault.js';
import { errnoOf, PRIVATE_FILE } from '../files.js';
import type { Log } from '../gateway/report/log.js';

export interface Keylog {
  write(line: Buffer): void;
}

/**
 * Opens the file to append to it, and closes it to everybody but its owner. So loud because who reads it reads every session; one of
 * several processes `announces` that.
 * Throws a `Fault` of kind `configuration`: `KEYLOG_KIND` for what is not a plain file, links included, or `KEYLOG_UNWRITABLE`.
 */
export function openKeylog(path: string, log: Log, announces = true): Keylog {
  const { file, wasReadable, isForeign } = inWords(path, () => openPrivate(path));
  if (announces) {
    log.warn('TLS secrets are written to a file: whoever reads it reads every session', { file: path });
    if (wasReadable) log.warn('the key log could be read by other users until now', { file: path });
    if (isForeign) log.warn('the key log belongs to another user, who can read it', { file: path });
  }
  let broken = false;
  return {
    write(line) {
      if (broken) return;
      try {
        appendFileSync(file, line);
      } catch (error) {
        broken = true;
        closeSync(file);
        log.error('the key log can no longer be written', { file: path, reason: (error as Error).message });
      }
    },
  };
}

/** Throws what `openKeylog` would throw, and makes and changes nothing. */
export function checkKeylog(path: string): void {
  inWords(path, () => {
    try {
      const file = openPlain(path);
      const { mode, uid } = fstatSync(file);
      closeSync(file);
      // Only its owner, or root, can close it to the others.
      const me = process.geteuid?.() ?? uid;
      if (isOpenToOthers(mode) && me !== uid && me !== 0) throw Object.assign(new Error(), { code: 'EPERM' });
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause;
      accessSync(dirname(path), constants.W_OK | constants.X_OK);
    }
  });
}

interface Opened {
  readonly file: number;
  readonly wasReadable: boolean;
  readonly isForeign: boolean;
}

function openPrivate(path: string): Opened {
  const file = openPlain(path, constants.O_CREAT);
  try {
    const { mode, uid } = fstatSync(file);
    const open = isOpenToOthers(mode);
    if (open) fchmodSync(file, PRIVATE_FILE);
    const me = process.geteuid?.();
    return { file, wasReadable: open && (mode & 0o044) !== 0, isForeign: me !== undefined && uid !== me };
  } catch (cause) {
    closeSync(file);
    throw cause;
  }
}

/** Windows has no such modes, and there every file would look open. */
function isOpenToOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0;
}

/** INVARIANT: secrets go to the very file that is named. A link may lead into the hands of whoever made it. */
function openPlain(path: string, more = 0): number {
  // Without O_NONBLOCK a pipe that nobody reads would hold the start up. Windows has neither flag.
  const { O_WRONLY, O_APPEND, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const file = openSync(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | more, PRIVATE_FILE);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw wrongKind(path);
}

function inWords<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    const errno = errnoOf(cause);
    if (cause instanceof Fault || errno === undefined) throw cause;
    if (['ELOOP', 'EISDIR', 'ENXIO'].includes(errno)) throw wrongKind(path, cause);
    throw new Fault({
      kind: 'configuration',
      code: 'KEYLOG_UNWRITABLE',
      message: `the key log cannot be written (${errno})`,
      place: path,
      hint: 'check --keylog or log.keylog',
      cause,
    });
  }
}

function wrongKind(place: string, cause?: unknown): Fault {
  return new Fault({
    kind: 'configuration',
    code: 'KEYLOG_KIND',
    message: 'the key log is not a plain file',
    place,
    hint: 'name a file with --keylog or log.keylog; links are not followed',
    cause,
  });
}
