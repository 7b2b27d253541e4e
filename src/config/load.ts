import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { deleteAt, isTree, setAt, type Tree, valueAt } from '../yaml/tree.js';
import { checkConflicts } from './conflicts.js';
import { readEnv } from './env.js';
import { readConfigFile } from './file.js';
import { faultOf } from './issue.js';
import type { LoadedConfig } from './loaded-config.js';
import { originFinder } from './origin.js';
import { schema } from './schema.js';
import { SECTIONS, SETTINGS } from './settings.js';

export interface LoadOptions {
  /** `--config` */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly home?: string;
  /** The values of flags by setting path, `{'tls.cert': 'a.pem'}`. Undefined values are ignored. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** The names of flags by setting path, `{'tls.cert': '--cert'}`, for faults about their values. */
  readonly flagNames?: Readonly<Record<string, string>>;
}

/**
 * Loads the effective configuration. Flags take precedence over the environment, the environment over the file, and the file
 * over defaults.
 *
 * Throws a `Fault` with the location of the first problem, `rdgw.yaml:12:3 timeouts.dail`. Its kind is `usage` if the value is
 * from a flag, else `configuration`.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const { env = process.env, cwd = process.cwd(), home = homedir(), overrides = {}, flagNames = {} } = options;
  const file = await readConfigFile({ file: options.file, env, cwd, home });
  const tree: Tree = file?.values ?? {};
  const sources = new Map<string, string>();

  // In YAML an empty `timeouts:` is null, for example if every line below it is commented out. It counts as not set.
  for (const path of [...SECTIONS, ...SETTINGS.map((setting) => setting.path)]) {
    if (valueAt(tree, path) === null) deleteAt(tree, path);
  }
  for (const { path } of SETTINGS) {
    if (valueAt(tree, path) !== undefined) sources.set(path, file?.name ?? '');
  }
  makePathsAbsolute(tree, file?.folder ?? cwd);

  const environment = readEnv(env);
  const overriding: Tree = {};
  for (const { path, name, value } of environment.values) {
    setAt(overriding, path, value);
    sources.set(path, name);
  }
  for (const [path, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!SETTINGS.some((setting) => setting.path === path)) throw new Error(`no setting is called ${path}`);
    setAt(overriding, path, value);
    sources.set(path, 'flag');
  }
  makePathsAbsolute(overriding, cwd);
  for (const { path } of SETTINGS) {
    const value = valueAt(overriding, path);
    if (value !== undefined) setAt(tree, path, value);
  }

  const originOf = originFinder({ sources, file, flagNames });
  const parsed = schema.safeParse(tree);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw issue === undefined ? parsed.error : faultOf(issue, originOf, (path) => valueAt(tree, path));
  }
  checkConflicts(
    parsed.data,
    (path) => sources.has(path),
    (path) => originOf(path.split('.')),
  );
  return { config: parsed.data, file: file?.path, sources, warnings: environment.warnings };
}

function makePathsAbsolute(tree: Tree, folder: string): void {
  const absolute = (value: unknown): unknown =>
    typeof value === 'string' && value !== '' ? resolve(folder, value) : value;
  for (const { path } of SETTINGS.filter((setting) => setting.isPath === true)) {
    const value = valueAt(tree, path);
    if (Array.isArray(value)) setAt(tree, path, value.map(absolute));
    else if (isTree(value)) setAt(tree, path, { ...value, path: absolute(value.path) });
    else if (value !== undefined) setAt(tree, path, absolute(value));
  }
}
