import { isDeepStrictEqual } from 'node:util';
import { setAt, valueAt } from '../yaml/tree.js';
import type { Config } from './schema.js';
import { SETTINGS, type Setting } from './settings.js';

/** The settings whose effective values are not the same in both. */
export function differingSettings(before: Config, after: Config): readonly Setting[] {
  return SETTINGS.filter(({ path }) => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)));
}

/** The new settings, but those that need a restart as they were before. */
export function untilRestart(before: Config, after: Config): Config {
  const config = structuredClone(after);
  for (const { path } of SETTINGS.filter(({ needsRestart }) => needsRestart))
    setAt(config, path, valueAt(before, path));
  return config;
}
