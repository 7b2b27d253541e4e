import { z } from 'zod';
import { schema } from './schema.js';
import type { SettingMeta } from './setting-kinds.js';

/** One setting (a leaf of the schema). */
export interface Setting extends SettingMeta {
  /** `timeouts.dial` */
  readonly path: string;
  /** `RDGW_TIMEOUTS_DIAL` */
  readonly env: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'list';
  /** The allowed values of an enumeration. */
  readonly choices: readonly string[] | undefined;
  /** The inclusive bounds of a number. */
  readonly range: readonly [min: number, max: number] | undefined;
  /** The default in the form of a configuration file. `undefined` if there is none. */
  readonly default: unknown;
}

/** All settings in the order of the schema. */
export const SETTINGS: readonly Setting[] = collect(schema, '');

/** All sections, such as `auth` and `auth.paa`. Outer sections come first. */
export const SECTIONS: readonly string[] = [...new Set(SETTINGS.flatMap(({ path }) => parents(path)))];

/** Returns the keys of a section. The top level is `''`. */
export function keysOf(section: string): readonly string[] {
  const prefix = section === '' ? '' : `${section}.`;
  const below = SETTINGS.filter(({ path }) => path.startsWith(prefix));
  return [...new Set(below.map(({ path }) => path.slice(prefix.length).split('.')[0] ?? ''))];
}

/** Returns the environment variable of a setting: its path in upper snake case with the prefix `RDGW_`. */
export function envNameOf(path: string): string {
  const snake = path.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('.', '_');
  return `RDGW_${snake.toUpperCase()}`;
}

/** The settings as a Markdown table for docs/configuration.md. */
export function settingsTable(): string {
  const rows = SETTINGS.map(({ path, env, unit, range, choices, reason, needsRestart, ...setting }) => {
    const defaultText = setting.default === undefined ? '–' : `\`${formatDefault(setting.default)}\``;
    const values = choices === undefined ? '' : ` One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.`;
    const bounds = range === undefined ? '' : ` (${range[0]} to ${range[1]})`;
    const restart = needsRestart === true ? ' Needs a restart.' : '';
    return `| \`${path}\` | ${defaultText}${unit === undefined ? '' : ` ${unit}`}${bounds} | \`${env}\` | ${reason}${values}${restart} |`;
  });
  return ['| setting | default | environment | what it is for |', '|---|---|---|---|', ...rows, ''].join('\n');
}

export function formatDefault(value: unknown): string {
  return Array.isArray(value) && value.length === 0 ? '[]' : String(value);
}

function collect(node: z.core.$ZodType, path: string): Setting[] {
  const inner = unwrap(node);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape as z.core.$ZodShape).flatMap(([key, child]) =>
      collect(child, path === '' ? key : `${path}.${key}`),
    );
  }
  const meta = z.globalRegistry.get(node) as unknown as SettingMeta;
  return [
    {
      ...meta,
      path,
      env: envNameOf(path),
      kind: kindOf(inner),
      range:
        inner instanceof z.ZodNumber ? [inner.minValue ?? 0, inner.maxValue ?? Number.MAX_SAFE_INTEGER] : undefined,
      choices: inner instanceof z.ZodEnum ? inner.options.map(String) : undefined,
      default: node instanceof z.ZodDefault || node instanceof z.ZodPrefault ? node.def.defaultValue : undefined,
    },
  ];
}

function unwrap(node: z.core.$ZodType): z.core.$ZodType {
  const wrapped = node instanceof z.ZodDefault || node instanceof z.ZodPrefault || node instanceof z.ZodOptional;
  return wrapped ? unwrap(node.unwrap() as z.core.$ZodType) : node;
}

function kindOf(node: z.core.$ZodType): Setting['kind'] {
  if (node instanceof z.ZodNumber) return 'number';
  if (node instanceof z.ZodBoolean) return 'boolean';
  return node instanceof z.ZodArray ? 'list' : 'text';
}

function parents(path: string): string[] {
  const keys = path.split('.').slice(0, -1);
  return keys.map((_, index) => keys.slice(0, index + 1).join('.'));
}
