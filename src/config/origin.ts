import type { ConfigFile } from './file.js';
import { SETTINGS } from './settings.js';

/** The source of a value, for a fault about it. */
export interface Origin {
  /** `usage` for the value of a flag. */
  readonly kind: 'usage' | 'configuration';
  /** `rdgw.yaml:12:3 timeouts.dial`, `RDGW_TIMEOUTS_DIAL (timeouts.dial)`, `--listen`. */
  readonly place: string;
}

/** Returns the origin of the value at a path. List indexes are numbers. */
export type OriginOf = (keys: readonly PropertyKey[]) => Origin;

export interface Sources {
  /** By setting path: the name of the file or of the variable, or `flag`. */
  readonly sources: ReadonlyMap<string, string>;
  readonly file: ConfigFile | undefined;
  /** The names of flags by setting path. */
  readonly flagNames: Readonly<Record<string, string>>;
}

export function originFinder({ sources, file, flagNames }: Sources): OriginOf {
  return (keys) => {
    const names = keys.filter((key) => typeof key !== 'number').map(String);
    const path = keys
      .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
      .join('')
      .slice(1);
    const setting = SETTINGS.find((row) => `${names.join('.')}.`.startsWith(`${row.path}.`));
    const source = setting === undefined ? file?.name : sources.get(setting.path);
    if (source === 'flag') return { kind: 'usage', place: flagNames[setting?.path ?? ''] ?? path };
    if (source === undefined) return { kind: 'configuration', place: path };
    const place = source === file?.name ? `${file.placeOf(keys)} ${path}` : `${source} (${path})`;
    return { kind: 'configuration', place };
  };
}
