/** Unix domain sockets to listen on: leftovers of former processes, owner and mode. */
import { execFile } from 'node:child_process';
import { chmod, chown, lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import type { UnixListen } from '../../config/listen.js';
import { Fault } from '../../fault.js';

/** Denies everybody but the owner, until `setAccess` has set the group and the mode. */
export const PRIVATE_UMASK = 0o077;

/** A process that is alive accepts at once: the system queues connections for it. */
const ANSWER_MS = 2_000;
/** getent(1) may ask a directory server. */
const GROUP_MS = 5_000;

/**
 * Removes a socket that a former process left behind. Throws a `Fault` when a process answers on it (`LISTEN_EADDRINUSE`), and when
 * the file is no socket (`LISTEN_NOT_A_SOCKET`).
 */
export async function removeLeftover(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw fault('NOT_A_SOCKET', path, 'the file exists and is no socket', 'remove it, or choose another path');
  }
  if (await answers(path)) {
    throw fault('EADDRINUSE', path, 'another process listens on this socket', 'stop it, or choose another path');
  }
  await unlink(path).catch(() => undefined);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_MS, () => settle(true));
    socket.once('connect', () => settle(true));
    // A full queue (EAGAIN) and a denied connection (EACCES) are signs of a process as well.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** Number of the group, by its number or its name. Throws a `Fault` (`LISTEN_GROUP`) if there is none. */
export function groupId(group: string, path: string): Promise<number> {
  if (/^\d+$/.test(group)) return Promise.resolve(Number(group));
  return new Promise((resolve, reject) => {
    execFile('getent', ['group', '--', group], { timeout: GROUP_MS }, (_error, stdout) => {
      const id = /^[^:]*:[^:]*:(\d+):/.exec(stdout)?.[1];
      if (id !== undefined) return resolve(Number(id));
      reject(fault('GROUP', path, `there is no group ${JSON.stringify(group)}`, 'see getent group'));
    });
  });
}

/** Sets group and mode of a bound socket. Throws a `Fault` (`LISTEN_ACCESS`) if this process may not. */
export async function setAccess({ path, mode }: UnixListen, group: number | undefined): Promise<void> {
  try {
    if (group !== undefined) await chown(path, (await lstat(path)).uid, group);
    await chmod(path, mode);
  } catch (cause) {
    const hint = 'the user of the process must be root or a member of the group';
    throw fault('ACCESS', path, 'group and mode of the socket cannot be set', hint, cause);
  }
}

function fault(code: string, path: string, message: string, hint: string, cause?: unknown): Fault {
  return new Fault({ kind: 'unreachable', code: `LISTEN_${code}`, message, place: `unix:${path}`, hint, cause });
}
