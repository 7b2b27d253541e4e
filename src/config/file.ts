import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { Fault } from '../fault.js';
import { readYaml, type YamlDocument, YamlProblem } from '../yaml/document.js';

/** A configuration of a thousand rules has some 50 KiB. */
export const CONFIG_FILE_MAX = 1024 * 1024;
export interface ConfigFile extends YamlDocument {
  /** Absolute. */
  readonly path: string;
  /** As messages name it: relative where it lies below the working directory. */
  readonly name: string;
  /** Absolute; relative paths in the file start here. */
  readonly folder: string;
}

export interface FileSearch {
  /** Named by a flag. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}

/**
 * Finds and reads the configuration file: the one that is named (flag, `RDGW_CONFIG`), else `rdgw.yaml` in the working
 * directory, else in the user's configuration folder, else none. Throws a `Fault` of kind `configuration`:
 * `CONFIG_MISSING`, `CONFIG_UNREADABLE`, `CONFIG_TOO_LARGE` or `CONFIG_SYNTAX`.
 */
export async function readConfigFile({ file, env, cwd, home }: FileSearch): Promise<ConfigFile | undefined> {
  const named = file ?? (env.RDGW_CONFIG || undefined);
  if (named !== undefined) return parseConfigFile(resolve(cwd, named), cwd, await read(resolve(cwd, named)));
  const folder = env.XDG_CONFIG_HOME && isAbsolute(env.XDG_CONFIG_HOME) ? env.XDG_CONFIG_HOME : join(home, '.config');
  for (const path of [join(cwd, 'rdgw.yaml'), join(folder, 'rdgw', 'rdgw.yaml')]) {
    const exists = await stat(path).then(() => true, isThere);
    if (exists) return parseConfigFile(path, cwd, await read(path));
  }
  return undefined;
}

/** @throws Fault `CONFIG_SYNTAX` */
export function parseConfigFile(path: string, cwd: string, text: string): ConfigFile {
  const below = relative(cwd, path);
  const name = below.startsWith('..') ? path : below;
  try {
    return { path, name, folder: dirname(path), ...readYaml(name, text) };
  } catch (cause) {
    if (!(cause instanceof YamlProblem)) throw cause;
    const { message, place } = cause;
    throw new Fault({ kind: 'configuration', code: 'CONFIG_SYNTAX', message, place, hint: 'the file is YAML or JSON' });
  }
}

async function read(path: string): Promise<string> {
  const fault = (code: string, message: string, hint: string, cause?: unknown): Fault =>
    new Fault({ kind: 'configuration', code, message, place: path, hint, cause });
  try {
    const { size } = await stat(path);
    if (size > CONFIG_FILE_MAX) {
      throw fault('CONFIG_TOO_LARGE', 'the configuration file is larger than 1 MiB', 'is it the right file?');
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (!isThere(cause)) {
      throw fault('CONFIG_MISSING', 'the configuration file does not exist', 'check --config and RDGW_CONFIG', cause);
    }
    const hint = 'it must be a file that this user may read';
    throw fault('CONFIG_UNREADABLE', 'the configuration file cannot be read', hint, cause);
  }
}

function isThere(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code !== 'ENOENT' && code !== 'ENOTDIR';
}
