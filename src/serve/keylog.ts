/** The file of TLS secrets that `rdgw serve --keylog` writes. */
import { accessSync, appendFileSync, closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../fault.js';
import { errnoOf, PRIVATE_FILE } from '../files.js';
import type { Log } from '../gateway/report/log.js';

export interface Keylog {
  write(line: Buffer): void;
  /**
   * Opens the path anew, after log rotation has renamed the file. Never throws: a failure is logged, and the former file
   * stays in use.
   */
  reopen(): void;
}

/**
 * Opens the file for appending, and makes it accessible to its owner only. It logs warnings because everyone who can
 * read the file can decrypt every session; of several workers one `logsWarnings`.
 *
 * Throws a `Fault` of kind `configuration`: `KEYLOG_KIND` for what is not a plain file, links included, or
 * `KEYLOG_UNWRITABLE`.
 */
export function openKeylog(path: string, log: Log, logsWarnings = true): Keylog {
  const open = (): number => {
    const { file, wasReadable, hasForeignOwner } = withKeylogFault(path, () => openPrivate(path));
    if (logsWarnings && wasReadable) log.event('keylog.was_readable', { file: path });
    if (logsWarnings && hasForeignOwner) log.event('keylog.foreign_owner', { file: path });
    return file;
  };
  let file: number | undefined = open();
  if (logsWarnings) log.event('keylog.opened', { file: path });
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    write(line) {
      if (file === undefined) return;
      try {
        appendFileSync(file, line);
      } catch (error) {
        close();
        log.event('keylog.failed', { file: path, reason: (error as Error).message });
      }
    },
    reopen() {
      try {
        const next = open();
        close();
        file = next;
      } catch (error) {
        const { code, message: reason, hint } = error as Fault;
        log.event('keylog.reopen_failed', { file: path, code, reason, hint });
      }
    },
  };
}

/** Throws what `openKeylog` would throw, but neither creates nor changes the file. */
export function checkKeylog(path: string): void {
  withKeylogFault(path, () => {
    try {
      const file = openPlain(path);
      const { mode, uid } = fstatSync(file);
      closeSync(file);
      // Only its owner or root can change its mode.
      const euid = process.geteuid?.() ?? uid;
      if (isOpenToOthers(mode) && euid !== uid && euid !== 0) throw Object.assign(new Error(), { code: 'EPERM' });
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause;
      accessSync(dirname(path), constants.W_OK | constants.X_OK);
    }
  });
}

interface Opened {
  readonly file: number;
  readonly wasReadable: boolean;
  readonly hasForeignOwner: boolean;
}

function openPrivate(path: string): Opened {
  const file = openPlain(path, constants.O_CREAT);
  try {
    const { mode, uid } = fstatSync(file);
    const isOpen = isOpenToOthers(mode);
    if (isOpen) fchmodSync(file, PRIVATE_FILE);
    const euid = process.geteuid?.();
    const hasForeignOwner = euid !== undefined && uid !== euid;
    return { file, wasReadable: isOpen && (mode & 0o044) !== 0, hasForeignOwner };
  } catch (cause) {
    closeSync(file);
    throw cause;
  }
}

/** False on Windows, which has no such modes: every file would appear to be open to others. */
function isOpenToOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0;
}

/**
 * INVARIANT: secrets are written to the named file only. A symbolic link may point to a file that another user chose.
 */
function openPlain(path: string, extraFlags = 0): number {
  // Without O_NONBLOCK the open call would block on a pipe that has no reader. Windows has neither O_NOFOLLOW nor
  // O_NONBLOCK.
  const { O_WRONLY, O_APPEND, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const file = openSync(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | extraFlags, PRIVATE_FILE);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw wrongKind(path);
}

/** Throws errors of the file system as a `Fault`. */
function withKeylogFault<T>(path: string, use: () => T): T {
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
