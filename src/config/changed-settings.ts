import { isDeepStrictEqual } from 'node:util';
import { setAt, valueAt } from '../yaml/tree.js';
import type { Config } from './schema.js';
import { SETTINGS, type Setting } from './settings.js';

/** Returns the settings whose effective values differ. */
export function differingSettings(before: Config, after: Config): readonly Setting[] {
  return SETTINGS.filter(({ path }) => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)));
}

/** Returns a copy of `after` in which settings that need a restart keep their values of `before`. */
export function reloadableConfig(before: Config, after: Config): Config {
  const config = structuredClone(after);
  for (const { path } of SETTINGS.filter(({ needsRestart }) => needsRestart))
    setAt(config, path, valueAt(before, path));
  return config;
}
