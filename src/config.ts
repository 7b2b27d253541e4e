import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { checkTogether } from './config/check.js';
import { readEnv } from './config/env.js';
import { type ConfigFile, readConfigFile } from './config/file.js';
import { faultOf } from './config/issue.js';
import { type Config, schema } from './config/schema.js';
import { SECTIONS, SETTINGS } from './config/settings.js';
import { deleteAt, isTree, setAt, type Tree, valueAt } from './config/tree.js';

export { describeConfig, effectiveSettings } from './config/describe.js';
export { parseListen } from './config/schema.js';
export { settingsTable } from './config/settings.js';
export type { Config };

export interface LoadOptions {
  /** `--config` */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly home?: string;
  /** Flags by the path of their setting, `{'tls.cert': 'a.pem'}`; undefined ones do not count. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, absolute. */
  readonly file: string | undefined;
  /** Where each value came from that is not a default: `rdgw.yaml`, `RDGW_LISTEN`, `flag`. */
  readonly sources: ReadonlyMap<string, string>;
  /** What the operator should hear, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The effective configuration: flags over environment over file over defaults. Slow to import (schema and YAML), so
 * commands load this file when they need it.
 * Throws a `Fault` of kind `configuration` with the place of the first problem, `rdgw.yaml:12:3 timeouts.dail`.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const { env = process.env, cwd = process.cwd(), home = homedir(), overrides = {} } = options;
  const file = await readConfigFile({ file: options.file, env, cwd, home });
  const tree: Tree = file?.values ?? {};
  const sources = new Map<string, string>();

  // An empty `timeouts:` in YAML is null: everything below it is commented out, so it says nothing.
  for (const path of [...SECTIONS, ...SETTINGS.map((setting) => setting.path)]) {
    if (valueAt(tree, path) === null) deleteAt(tree, path);
  }
  for (const { path } of SETTINGS) {
    if (valueAt(tree, path) !== undefined) sources.set(path, file?.name ?? '');
  }
  makePathsAbsolute(tree, file?.folder ?? cwd);

  const environment = readEnv(env);
  const later: Tree = {};
  for (const { path, name, value } of environment.values) {
    setAt(later, path, value);
    sources.set(path, name);
  }
  for (const [path, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!SETTINGS.some((setting) => setting.path === path)) throw new Error(`no setting is called ${path}`);
    setAt(later, path, value);
    sources.set(path, 'flag');
  }
  makePathsAbsolute(later, cwd);
  for (const { path } of SETTINGS) {
    const value = valueAt(later, path);
    if (value !== undefined) setAt(tree, path, value);
  }

  const placeOf = placer(sources, file);
  const parsed = schema.safeParse(tree);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw issue === undefined ? parsed.error : faultOf(issue, placeOf, (path) => valueAt(tree, path));
  }
  checkTogether(
    parsed.data,
    (path) => sources.has(path),
    (path) => placeOf(path.split('.')),
  );
  return { config: parsed.data, file: file?.path, sources, warnings: environment.warnings };
}

/** Says where a value came from: `rdgw.yaml:12:3 timeouts.dial`, `RDGW_TIMEOUTS_DIAL (timeouts.dial)`. */
function placer(sources: ReadonlyMap<string, string>, file: ConfigFile | undefined) {
  return (keys: readonly PropertyKey[]): string => {
    const names = keys.filter((key) => typeof key !== 'number').map(String);
    const items = keys.filter((key) => typeof key === 'number').map((key) => `[${key}]`);
    const path = names.join('.') + items.join('');
    const setting = SETTINGS.find((row) => `${names.join('.')}.`.startsWith(`${row.path}.`));
    const source = setting === undefined ? file?.name : sources.get(setting.path);
    if (source === undefined || source === 'flag') return path;
    return source === file?.name ? `${file.placeOf(keys)} ${path}` : `${source} (${path})`;
  };
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
