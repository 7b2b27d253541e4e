import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import { SETTINGS, type Setting } from './settings.js';

export interface EnvSettings {
  readonly values: readonly { readonly path: string; readonly name: string; readonly value: unknown }[];
  /** Variables that look like ours and are not, one sentence each. */
  readonly warnings: readonly string[];
}

/** Names with our prefix that mean something else: the command line's own, and what a container platform sets by itself. */
const OTHERS =
  /^RDGW_(?:CONFIG|DATA_DIR|CONFIG_DIR|CACHE_DIR|DEBUG|BINPATH|REDIRECTED|SKIP_\w+|NPM_\w+|SERVICE_(?:HOST|PORT\w*)|PORT(?:_\w+)?)$/;

/**
 * The settings of the environment, `RDGW_TIMEOUTS_DIAL=5`; lists are separated by commas, an empty value counts as not set.
 * A name that is a letter or two off a setting throws a `Fault` (`CONFIG_UNKNOWN_VARIABLE`), any other unknown one is a
 * warning, since the environment is not ours alone.
 */
export function readEnv(env: Readonly<Record<string, string | undefined>>): EnvSettings {
  const byName = new Map(SETTINGS.map((setting) => [setting.env, setting]));
  const values: { path: string; name: string; value: unknown }[] = [];
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('RDGW_') || OTHERS.test(name) || text === undefined || text === '') continue;
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

/** What is not of the setting's kind stays text, for the schema to refuse. */
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
