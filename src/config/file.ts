import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { Fault } from '../fault.js';
import { isTree, type Tree } from './tree.js';

/** A configuration of a thousand rules has some 50 KiB. */
export const CONFIG_FILE_MAX = 1024 * 1024;
/** Aliases may spare somebody typing; a bomb of them multiplies. */
const ALIASES_MAX = 100;
/** Levels of sections and lists; the settings have three, and the options of an authenticator perhaps as many again. */
const NESTING_MAX = 64;

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As messages name it: relative where it lies below the working directory. */
  readonly name: string;
  /** Absolute; relative paths in the file start here. */
  readonly folder: string;
  readonly values: Tree;
  /** Where a setting stands: `rdgw.yaml:12:3`. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
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

/** Reads YAML 1.2, and so JSON: one document, no duplicate keys, no tags, few aliases. */
export function parseConfigFile(path: string, cwd: string, text: string): ConfigFile {
  const below = relative(cwd, path);
  const name = below.startsWith('..') ? path : below;
  const lines = new LineCounter();
  const syntax = (message: string, place = name): Fault =>
    new Fault({ kind: 'configuration', code: 'CONFIG_SYNTAX', message, place, hint: 'the file is YAML or JSON' });
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  try {
    // INVARIANT: measured first. The composer recurses, and an exhausted stack can end the process instead of throwing.
    const excess = excessOf(text);
    if (excess !== undefined) throw syntax(excess);
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw syntax(wordsOf(problem), placeAt(problem.pos[0]));
    const values: unknown = document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
    if (!isTree(values)) throw syntax('the file is not a set of settings', placeAt(0));
    return {
      path,
      name,
      folder: dirname(path),
      values,
      placeOf: (keys) => placeAt(offsetOf(document.contents, keys)),
    };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw syntax('the file has too many aliases');
  }
}

/** A node of the concrete syntax tree, as far as its size matters. */
interface Token {
  readonly type?: string;
  readonly items?: readonly Token[];
  readonly key?: Token | null;
  readonly value?: Token | string | null;
}

/** What makes the text unfit to be read, found without recursion. */
function excessOf(text: string): string | undefined {
  let aliases = 0;
  const open: { token: Token; depth: number }[] = [];
  for (const document of new Parser().parse(text)) {
    open.push({ token: document as Token, depth: 0 });
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { items = [], key, value, type } = next.token;
      const depth = next.depth + (items.length > 0 ? 1 : 0);
      aliases += type === 'alias' ? 1 : 0;
      if (aliases > ALIASES_MAX) return 'the file has too many aliases';
      if (depth > NESTING_MAX) return 'the file is nested too deeply';
      for (const token of [key, value, ...items]) {
        if (typeof token === 'object' && token !== null) open.push({ token, depth });
      }
    }
  }
  return undefined;
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

function wordsOf(problem: YAMLError): string {
  if (problem.code === 'DUPLICATE_KEY') return 'the key stands here a second time';
  const line = (problem.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  return line.charAt(0).toLowerCase() + line.slice(1);
}

/** Start of the innermost thing on the way to `keys`: the key of a setting, or the item of a list. */
function offsetOf(root: Node | null, keys: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined || !isNode(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    }
    if (isAlias(node)) break;
  }
  return offset;
}
