import { access, chmod, constants, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { assertTrusted, distrustOf, errnoOf, PRIVATE_FOLDER } from '../files.js';

/** The files of a data folder, absolute. */
export interface DataFiles {
  readonly folder: string;
  /** The CA certificate, which clients have to trust. */
  readonly ca: string;
  readonly caKey: string;
  /** The server certificate followed by the CA certificate: the chain that the server sends. */
  readonly server: string;
  readonly serverKey: string;
  /** The secret that signs and verifies tokens. */
  readonly tokenKey: string;
}

const NAMES = { ca: 'ca.pem', caKey: 'ca.key', server: 'server.pem', serverKey: 'server.key', tokenKey: 'token.key' };

/** Returns the paths of the files of a data folder. The files need not exist. */
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
 * Creates the data folder, or restricts an existing one to its owner. A folder with other files keeps its mode, because it may
 * be a shared one (`--data-dir /etc`). The key files in it are private anyway.
 *
 * Throws a `Fault` of kind `configuration`: `DATA_FOLDER`, or `FILE_FOREIGN` or `FILE_WRITABLE` for a folder with files of somebody
 * who is not trusted.
 */
export async function prepareFolder(dataDir: string): Promise<void> {
  const folder = resolve(dataDir);
  try {
    await makeFolder(folder);
    await assertTrustedFolder(folder);
    if (await isAccessibleAndOnlyOurs(folder)) await chmod(folder, PRIVATE_FOLDER);
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

/**
 * Throws what `prepareFolder` would throw, but creates and changes nothing.
 *
 * @param isWritten whether files would be created in the folder.
 */
export async function checkFolder(dataDir: string, isWritten: boolean): Promise<void> {
  const folder = resolve(dataDir);
  try {
    const nearest = await nearestExistingFolder(folder);
    if (nearest === undefined) throw unusable('EEXIST', folder);
    if (nearest === folder) await assertTrustedFolder(folder);
    if (isWritten) await access(nearest, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

/**
 * Converts a system error to a `Fault` (`DATA_FOLDER`).
 *
 * @throws `cause` itself if it is a `Fault` or not a system error.
 */
export function folderFault(cause: unknown, place: string): Fault {
  const errno = errnoOf(cause);
  if (cause instanceof Fault || errno === undefined) throw cause;
  return unusable(errno, place, cause);
}

function unusable(errno: string, place: string, cause?: unknown): Fault {
  const messages: Readonly<Record<string, string>> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EEXIST: 'the path exists and is not a folder',
    ENOENT: 'it cannot be created there',
    ENOTDIR: 'a part of its path is not a folder',
  };
  return new Fault({
    kind: 'configuration',
    code: 'DATA_FOLDER',
    message: `the data folder cannot be used: ${messages[errno] ?? errno}`,
    place,
    hint: 'choose another one with --data-dir or RDGW_DATA_DIR',
    cause,
  });
}

/**
 * Creates a folder and its missing parents. The recursive mkdir of Node.js never returns on a file system that reports ENOENT
 * although the parent exists, such as /proc.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await makeSingleFolder(folder);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' || dirname(folder) === folder) throw cause;
    await makeFolder(dirname(folder));
    await makeSingleFolder(folder);
  }
}

async function makeSingleFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, PRIVATE_FOLDER);
    // The umask may have removed permissions of the owner.
    await chmod(folder, PRIVATE_FOLDER);
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw cause;
  }
}

/** Returns the folder or its nearest existing parent, or `undefined` if that is not a folder. */
async function nearestExistingFolder(folder: string): Promise<string | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? folder : undefined;
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' || dirname(folder) === folder) throw cause;
    return nearestExistingFolder(dirname(folder));
  }
}

/** An empty folder has nothing that others could have put there, and `prepareFolder` restricts it. */
async function assertTrustedFolder(folder: string): Promise<void> {
  const stats = await stat(folder);
  if (distrustOf(stats) === 'writable' && (await readdir(folder)).length === 0) return;
  assertTrusted(stats, folder, 'the data folder');
}

/** Reports whether other users can access the folder and it has no files except those of `DataFiles` and temporary ones. */
async function isAccessibleAndOnlyOurs(folder: string): Promise<boolean> {
  if (((await stat(folder)).mode & 0o077) === 0) return false;
  const ours: readonly string[] = Object.values(NAMES);
  return (await readdir(folder)).every((name) => ours.includes(name) || name.startsWith('.rdgw-'));
}
