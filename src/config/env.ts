import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import { SETTINGS, type Setting } from './settings.js';

export interface EnvSettings {
  readonly values: readonly { readonly path: string; readonly name: string; readonly value: unknown }[];
  /** One sentence for each unknown variable with the prefix `RDGW_`. */
  readonly warnings: readonly string[];
}

/** Variables with the prefix `RDGW_` that are not settings: those of the command line, and those that a container platform sets. */
const NOT_SETTINGS =
  /^RDGW_(?:CONFIG|DATA_DIR|CONFIG_DIR|CACHE_DIR|DEBUG|BINPATH|REDIRECTED|SKIP_\w+|NPM_\w+|SERVICE_(?:HOST|PORT\w*)|PORT(?:_\w+)?)$/;

/**
 * Reads settings from environment variables, such as `RDGW_TIMEOUTS_DIAL=5`. Lists are separated by commas. An empty value
 * counts as not set.
 *
 * Throws a `Fault` (`CONFIG_UNKNOWN_VARIABLE`) for a name that differs from a setting in one or two letters. Any other
 * unknown name is only a warning, because other programs may use the same prefix.
 */
export function readEnv(env: Readonly<Record<string, string | undefined>>): EnvSettings {
  const byName = new Map(SETTINGS.map((setting) => [setting.env, setting]));
  const values: { path: string; name: string; value: unknown }[] = [];
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('RDGW_') || NOT_SETTINGS.test(name) || text === undefined || text === '') continue;
    const setting = byName.get(name);
    if (setting !== undefined) {
      values.push({ path: setting.path, name, value: convert(text, setting) });
      continue;
    }
    const meant = nearest(name, [...byName.keys()], 2);
    if (meant !== undefined) {
      throw new Fault({
        kind: 'configuration',
        code: 'CONFIG_UNKNOWN_VARIABLE',
        message: 'unknown environment variable',
        place: name,
        hint: `did you mean ${meant}?`,
      });
    }
    warnings.push(`the environment variable ${name} is not a setting and has no effect`);
  }
  return { values, warnings };
}

/** Converts a value to the kind of the setting. A value of another kind stays text, and the schema rejects it. */
function convert(text: string, { kind }: Setting): unknown {
  switch (kind) {
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return { true: true, false: false, 1: true, 0: false, yes: true, no: false }[text.toLowerCase()] ?? text;
    case 'list':
      return text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== '');
    case 'text':
      return text;
  }
}
