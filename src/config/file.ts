import { lstat, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { assertTrusted, distrustOf, trustedOwners } from '../files.js';
import { readYaml, type YamlDocument, YamlProblem } from '../yaml/document.js';

/** In bytes. A configuration with a thousand rules has about 50 KiB. */
export const CONFIG_FILE_MAX = 1024 * 1024;

export interface ConfigFile extends YamlDocument {
  /** Absolute. */
  readonly path: string;
  /** The path for messages: relative if the file is below the working directory. */
  readonly name: string;
  /** Absolute. Relative paths in the file are resolved against it. */
  readonly folder: string;
}

export interface FileSearch {
  /** The value of `--config`. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}

/**
 * Finds and reads the configuration file: the file of the flag or of `RDGW_CONFIG`, else `rdgw.yaml` in the working directory,
 * else `rdgw/rdgw.yaml` in the user's configuration folder. Returns `undefined` if there is none.
 *
 * A file that is found by search has to belong to the user of the process or to root, since it may name a module that is run: a
 * folder in which others may put files is a usual working directory. For a named file its owner was chosen together with its name.
 * Neither may be writable by others.
 *
 * Throws a `Fault` of kind `configuration`: `CONFIG_MISSING`, `CONFIG_UNREADABLE`, `CONFIG_TOO_LARGE`, `CONFIG_SYNTAX`,
 * `CONFIG_FOREIGN` or `FILE_WRITABLE`.
 */
export async function readConfigFile({ file, env, cwd, home }: FileSearch): Promise<ConfigFile | undefined> {
  const named = file ?? (env.RDGW_CONFIG || undefined);
  if (named !== undefined) return parseConfigFile(resolve(cwd, named), cwd, await read(resolve(cwd, named)));
  const folder = env.XDG_CONFIG_HOME && isAbsolute(env.XDG_CONFIG_HOME) ? env.XDG_CONFIG_HOME : join(home, '.config');
  for (const path of [join(cwd, 'rdgw.yaml'), join(folder, 'rdgw', 'rdgw.yaml')]) {
    const exists = await lstat(path).then(() => true, isNotMissing);
    if (!exists) continue;
    await assertOwn(path);
    return parseConfigFile(path, cwd, await read(path));
  }
  return undefined;
}

/** Parses the text of a configuration file. Throws a `Fault` (`CONFIG_SYNTAX`). */
export function parseConfigFile(path: string, cwd: string, text: string): ConfigFile {
  const relativePath = relative(cwd, path);
  const name = relativePath.startsWith('..') ? path : relativePath;
  try {
    return { path, name, folder: dirname(path), ...readYaml(name, text) };
  } catch (cause) {
    if (!(cause instanceof YamlProblem)) throw cause;
    const { message, place } = cause;
    throw new Fault({
      kind: 'configuration',
      code: 'CONFIG_SYNTAX',
      message,
      place,
      hint: 'the file must be YAML or JSON',
    });
  }
}

/** Checks a file that was found by search: both a link and what it points to. Errors of the file system are left to `read`. */
async function assertOwn(path: string): Promise<void> {
  const [link, file] = await Promise.all([lstat(path), stat(path).catch(() => undefined)]);
  const foreign = [link, file].find((stats) => stats !== undefined && distrustOf(stats) === 'foreign');
  if (foreign !== undefined) {
    throw new Fault({
      kind: 'configuration',
      code: 'CONFIG_FOREIGN',
      message: `the configuration file belongs to another user (uid ${foreign.uid})`,
      place: path,
      hint: 'to use it all the same, name it with --config; else start in another folder',
    });
  }
  if (file !== undefined && !file.isFile()) {
    const hint = 'remove it, or name another file with --config';
    const message = 'the configuration file is not a regular file';
    throw new Fault({ kind: 'configuration', code: 'CONFIG_UNREADABLE', message, place: path, hint });
  }
}

async function read(path: string): Promise<string> {
  const fault = (code: string, message: string, hint: string, cause?: unknown): Fault =>
    new Fault({ kind: 'configuration', code, message, place: path, hint, cause });
  try {
    const stats = await stat(path);
    // A pipe of the shell (--config <(…)) cannot be written by others through a name.
    if (stats.isFile()) assertTrusted(stats, path, 'the configuration file', [...trustedOwners(), stats.uid]);
    const { size } = stats;
    if (size > CONFIG_FILE_MAX) {
      throw fault('CONFIG_TOO_LARGE', 'the configuration file is larger than 1 MiB', 'check --config and RDGW_CONFIG');
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (!isNotMissing(cause)) {
      throw fault('CONFIG_MISSING', 'the configuration file does not exist', 'check --config and RDGW_CONFIG', cause);
    }
    const hint = 'it must be a regular file that the user of the process can read';
    throw fault('CONFIG_UNREADABLE', 'the configuration file cannot be read', hint, cause);
  }
}

/** Reports whether an error of node:fs means anything else than a missing file. */
function isNotMissing(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code !== 'ENOENT' && code !== 'ENOTDIR';
}
