import { randomBytes } from 'node:crypto';
import { chmod, constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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
