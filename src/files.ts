import { randomBytes } from 'node:crypto';
import { chmod, constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** For keys, tokens and everything that holds one: only the owner reads and writes. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/**
 * Writes a private file whole or not at all, in place of whatever stood there: a symbolic link is replaced, not followed.
 * Throws what node:fs throws.
 */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  await withTemporary(path, data, (temporary) => rename(temporary, path));
}

/** The same, but throws `EEXIST` where something stands already, also when two processes try at once. */
export async function createFile(path: string, data: string | Uint8Array): Promise<void> {
  await withTemporary(path, data, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (cause) {
      if (errnoOf(cause) === 'EEXIST') throw cause;
      // Some file systems have no hard links. The copy is still exclusive, only a crash could leave half of it.
      await copyFile(temporary, path, constants.COPYFILE_EXCL);
      await chmod(path, PRIVATE_FILE);
    }
    await rm(temporary);
  });
}

/** The `code` of a system error, `ENOENT`; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'errno' in error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

async function withTemporary(
  path: string,
  data: string | Uint8Array,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.rdgw-${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', PRIVATE_FILE);
  try {
    try {
      // The umask may have taken bits from the owner as well.
      await file.chmod(PRIVATE_FILE);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}
