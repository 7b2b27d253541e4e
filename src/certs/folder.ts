import { access, chmod, constants, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { errnoOf, PRIVATE_FOLDER } from '../files.js';

/** The files of a data folder, absolute. */
export interface DataFiles {
  readonly folder: string;
  /** The CA's certificate: what clients have to trust. */
  readonly ca: string;
  readonly caKey: string;
  /** The server's certificate and the CA's after it: what goes over the wire. */
  readonly server: string;
  readonly serverKey: string;
  /** The secret that signs and checks tokens. */
  readonly tokenKey: string;
}

const NAMES = { ca: 'ca.pem', caKey: 'ca.key', server: 'server.pem', serverKey: 'server.key', tokenKey: 'token.key' };

/** Where the files of a data folder are, whether they exist or not. */
export function dataFiles(dataDir: string): DataFiles {
  const folder = resolve(dataDir);
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    ca: at(NAMES.ca),
    caKey: at(NAMES.caKey),
    server: at(NAMES.server),
    serverKey: at(NAMES.serverKey),
    tokenKey: at(NAMES.tokenKey),
  };
}

/**
 * Makes the data folder, or closes an existing one to everybody but its owner. A folder that holds other things as well is
 * left as it is: somebody may have said `--data-dir /etc`, and the keys in it are private on their own.
 * Throws a `Fault` of kind `configuration` (`DATA_FOLDER`).
 */
export async function prepareFolder(dataDir: string): Promise<void> {
  const folder = resolve(dataDir);
  try {
    await makeFolder(folder);
    if (await isOpenAndOurs(folder)) await chmod(folder, PRIVATE_FOLDER);
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

/**
 * Throws what `prepareFolder` would throw, and makes and changes nothing.
 * @param isWritten something will be made in the folder.
 */
export async function checkFolder(dataDir: string, isWritten: boolean): Promise<void> {
  const folder = resolve(dataDir);
  try {
    const nearest = await nearestFolder(folder);
    if (nearest === undefined) throw unusable('EEXIST', folder);
    if (isWritten) await access(nearest, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

/** Words for a data folder that cannot be read or written. */
export function folderFault(cause: unknown, place: string): Fault {
  const errno = errnoOf(cause);
  if (cause instanceof Fault || errno === undefined) throw cause;
  return unusable(errno, place, cause);
}

function unusable(errno: string, place: string, cause?: unknown): Fault {
  const words: Readonly<Record<string, string>> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EEXIST: 'something that is not a folder stands in its place',
    ENOENT: 'it cannot be made there',
    ENOTDIR: 'a part of its path is not a folder',
  };
  return new Fault({
    kind: 'configuration',
    code: 'DATA_FOLDER',
    message: `the data folder cannot be used: ${words[errno] ?? errno}`,
    place,
    hint: 'choose another one with --data-dir or RDGW_DATA_DIR',
    cause,
  });
}

/**
 * Makes a folder and what is missing above it. Node's own recursive form never comes back from a file system that answers
 * ENOENT although the parent exists, such as /proc.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await makeOne(folder);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' || dirname(folder) === folder) throw cause;
    await makeFolder(dirname(folder));
    await makeOne(folder);
  }
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder, PRIVATE_FOLDER);
    // The umask may have taken bits from the owner.
    await chmod(folder, PRIVATE_FOLDER);
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw cause;
  }
}

/** The folder, or the one above it that is there; undefined where something else stands in its place. */
async function nearestFolder(folder: string): Promise<string | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? folder : undefined;
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' || dirname(folder) === folder) throw cause;
    return nearestFolder(dirname(folder));
  }
}

async function isOpenAndOurs(folder: string): Promise<boolean> {
  if (((await stat(folder)).mode & 0o077) === 0) return false;
  const ours: readonly string[] = Object.values(NAMES);
  return (await readdir(folder)).every((name) => ours.includes(name) || name.startsWith('.rdgw-'));
}
