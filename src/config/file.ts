import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { Fault } from '../fault.js';
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
 * else `rdgw/rdgw.yaml` in the user's configuration folder. Returns `undefined` if there is none. Throws a `Fault` of kind
 * `configuration`: `CONFIG_MISSING`, `CONFIG_UNREADABLE`, `CONFIG_TOO_LARGE` or `CONFIG_SYNTAX`.
 */
export async function readConfigFile({ file, env, cwd, home }: FileSearch): Promise<ConfigFile | undefined> {
  const named = file ?? (env.RDGW_CONFIG || undefined);
  if (named !== undefined) return parseConfigFile(resolve(cwd, named), cwd, await read(resolve(cwd, named)));
  const folder = env.XDG_CONFIG_HOME && isAbsolute(env.XDG_CONFIG_HOME) ? env.XDG_CONFIG_HOME : join(home, '.config');
  for (const path of [join(cwd, 'rdgw.yaml'), join(folder, 'rdgw', 'rdgw.yaml')]) {
    const exists = await stat(path).then(() => true, isNotMissing);
    if (exists) return parseConfigFile(path, cwd, await read(path));
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

async function read(path: string): Promise<string> {
  const fault = (code: string, message: string, hint: string, cause?: unknown): Fault =>
    new Fault({ kind: 'configuration', code, message, place: path, hint, cause });
  try {
    const { size } = await stat(path);
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
