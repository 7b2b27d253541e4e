import { isDeepStrictEqual } from 'node:util';
import type { Config } from './schema.js';
import { SETTINGS, type Setting } from './settings.js';
import { valueAt } from './tree.js';

/** The settings whose effective values are not the same in both. */
export function differingSettings(before: Config, after: Config): readonly Setting[] {
  return SETTINGS.filter(({ path }) => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)));
}
