import { randomBytes } from 'node:crypto';
import { readFileSync, type Stats } from 'node:fs';
import { chmod, constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from './fault.js';

/** The mode of keys, tokens and all files that contain one: only the owner can read and write. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/**
 * Writes a private file atomically and replaces an existing one. A symbolic link is replaced, not followed. Throws the errors of
 * node:fs.
 */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  await withTemporary(path, data, (temporary) => rename(temporary, path));
}

/** Like `replaceFile`, but throws `EEXIST` if the path exists, even if two processes create it at the same time. */
export async function createFile(path: string, data: string | Uint8Array): Promise<void> {
  await withTemporary(path, data, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (cause) {
      if (errnoOf(cause) === 'EEXIST') throw cause;
      // Some file systems have no hard links. The copy is still exclusive, but a crash could leave a part of it.
      await copyFile(temporary, path, constants.COPYFILE_EXCL);
      await chmod(path, PRIVATE_FILE);
    }
    await rm(temporary);
  });
}

/** Returns the `code` of a system error, such as `ENOENT`, or `undefined` for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'errno' in error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Why a file or a folder cannot be trusted: another user owns it, or others can write it. */
export type Distrust = 'foreign' | 'writable';

/** The accounts of this machine: the contents of /etc/passwd and /etc/group. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

type Ownership = Pick<Stats, 'uid' | 'gid' | 'mode'> & { isDirectory(): boolean };

/**
 * Whether what the gateway reads can be of somebody who is not trusted with it. The owner has to be one of `owners`, and
 * nobody else may write it. As in Debian's OpenSSH the owner's private group may: it has no other member, and many
 * systems make files writable for it. So may the group 0, which is root's. In a folder with the sticky bit others may add
 * files, but replace none. Undefined on Windows, which has no such modes.
 *
 * @param owners user ids; by default the user of this process and root.
 */
export function distrustOf(
  stats: Ownership,
  owners: readonly number[] = trustedOwners(),
  accounts: () => Accounts = readAccounts,
): Distrust | undefined {
  const { uid, gid, mode } = stats;
  if (process.platform === 'win32') return undefined;
  if (!owners.includes(uid)) return 'foreign';
  if ((mode & STICKY) !== 0 && stats.isDirectory()) return undefined;
  if ((mode & 0o002) !== 0) return 'writable';
  return (mode & 0o020) === 0 || gid === 0 || isPrivateGroup(gid, uid, accounts()) ? undefined : 'writable';
}

const STICKY = 0o1000;

/** The ids of the user of this process and of root. */
export function trustedOwners(): readonly number[] {
  return [process.geteuid?.() ?? 0, 0];
}

/**
 * Throws a `Fault` of kind `configuration` (`FILE_FOREIGN` or `FILE_WRITABLE`) for what `distrustOf` names.
 *
 * @param what for the message: `the token key`.
 */
export function assertTrusted(stats: Stats, place: string, what: string, owners?: readonly number[]): void {
  const distrust = distrustOf(stats, owners);
  if (distrust === undefined) return;
  const foreign = distrust === 'foreign';
  throw new Fault({
    kind: 'configuration',
    code: foreign ? 'FILE_FOREIGN' : 'FILE_WRITABLE',
    message: foreign
      ? `${what} belongs to another user (uid ${stats.uid})`
      : `other users can write ${what} (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`,
    place,
    hint: foreign
      ? 'if its contents are yours, let chown give it to root or to the user who runs rdgw'
      : 'if its contents are yours: chmod go-w',
  });
}

/** Whether a secret can be read by users who are not its owner's group: by all, or by a group that its owner chose. */
export function isReadableByOthers({ uid, gid, mode }: Ownership, accounts: () => Accounts = readAccounts): boolean {
  if (process.platform === 'win32') return false;
  if ((mode & 0o004) !== 0) return true;
  // Root gives keys to a group on purpose, as Debian's ssl-cert.
  return (mode & 0o040) !== 0 && uid !== 0 && gid !== 0 && !isPrivateGroup(gid, uid, accounts());
}

/**
 * Reads a text file that decides about access. The file that was checked is the one that is read. Throws like
 * `assertTrusted`, and the errors of node:fs.
 */
export async function readTrusted(
  path: string,
  what: string,
  owners?: readonly number[],
): Promise<{ readonly text: string; readonly stats: Stats }> {
  const file = await open(path, 'r');
  try {
    const stats = await file.stat();
    assertTrusted(stats, path, what, owners);
    return { text: await file.readFile('utf8'), stats };
  } finally {
    await file.close();
  }
}

/** Whether nobody but the user is in the group: neither as a member, nor because it is the first group of another user. */
function isPrivateGroup(gid: number, uid: number, { passwd, group }: Accounts): boolean {
  const users = rowsOf(passwd).filter(([, , id, first]) => Number(id) === uid || Number(first) === gid);
  const [, , , members = ''] = rowsOf(group).find(([, , id]) => Number(id) === gid) ?? [];
  const names = new Set([...users.map(([name]) => name), ...members.split(',').filter((name) => name !== '')]);
  return users.some(([, , id, first]) => Number(id) === uid && Number(first) === gid) && names.size === 1;
}

function rowsOf(table: string): string[][] {
  return table.split('\n').map((line) => line.split(':'));
}

/** Without the tables no group is private. */
function readAccounts(): Accounts {
  try {
    return { passwd: readFileSync('/etc/passwd', 'utf8'), group: readFileSync('/etc/group', 'utf8') };
  } catch {
    return { passwd: '', group: '' };
  }
}

async function withTemporary(
  path: string,
  data: string | Uint8Array,
  publish: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.rdgw-${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', PRIVATE_FILE);
  try {
    try {
      // The umask may have removed permissions of the owner.
      await file.chmod(PRIVATE_FILE);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish(temporary);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}
