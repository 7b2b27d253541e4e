import { stringify } from 'yaml';
import { isTree, setAt, type Tree, valueAt } from '../yaml/tree.js';
import { describeListen, formatHostname, formatLocalListen } from './listen.js';
import type { LoadedConfig } from './loaded-config.js';
import { formatDefault, SETTINGS, type Setting } from './settings.js';

const MASK = '********';
const WIDTH = 80;

/**
 * Formats the effective settings as YAML. Comments give unit, reason and, for a value that is not a default, its source.
 * The options of a custom authenticator are masked. The text is a valid configuration file.
 */
export function describeConfig(loaded: LoadedConfig): string {
  const effective = effectiveSettings(loaded);
  const lines: string[] = [];
  let openSections: readonly string[] = [];
  for (const setting of SETTINGS) {
    const sections = setting.path.split('.').slice(0, -1);
    const firstNew = sections.findIndex((key, index) => openSections[index] !== key);
    for (const [index, key] of sections.entries()) {
      if (firstNew >= 0 && index >= firstNew) lines.push(...(index === 0 ? [''] : []), `${'  '.repeat(index)}${key}:`);
    }
    if (sections.length === 0) lines.push('');
    openSections = sections;
    const block = describeSetting(setting, valueAt(effective, setting.path), loaded.sources.get(setting.path));
    lines.push(...block.map((line) => '  '.repeat(sections.length) + line));
  }
  return `${['# Effective settings. Values without a source are defaults.', ...lines].join('\n')}\n`;
}

/** Returns the effective settings as plain values. Masks the options of a custom authenticator and omits settings without a value. */
export function effectiveSettings({ config }: Pick<LoadedConfig, 'config'>): Tree {
  const tree: Tree = {};
  for (const { path } of SETTINGS) {
    const value = valueAt(config, path);
    if (value !== undefined) setAt(tree, path, value);
  }
  tree.listen = describeListen(config.listen);
  if (config.hostname !== undefined) tree.hostname = formatHostname(config.hostname);
  if (config.metrics.listen !== undefined) setAt(tree, 'metrics.listen', formatLocalListen(config.metrics.listen));
  const { module } = config.auth;
  if (module !== undefined) {
    const shown =
      Object.keys(module.options).length === 0 ? module.path : { ...module, options: maskAll(module.options) };
    setAt(tree, 'auth.module', shown);
  }
  return tree;
}

function describeSetting(setting: Setting, value: unknown, source: string | undefined): string[] {
  const key = setting.path.split('.').at(-1) ?? setting.path;
  const depth = setting.path.split('.').length - 1;
  const reason = wrap(setting.reason, WIDTH - 2 - 2 * depth).map((line) => `# ${line}`);
  if (value === undefined) return [...reason, `# ${key}: not set`];
  const defaultNote = setting.default === undefined ? [] : [`default ${formatDefault(setting.default)}`];
  const notes = [
    ...(setting.unit === undefined ? [] : [setting.unit]),
    ...(source ? [source === 'flag' ? 'from a flag' : `from ${source}`, ...defaultNote] : []),
  ];
  const [first = '', ...more] = stringify({ [key]: value }, { lineWidth: 0 })
    .trimEnd()
    .split('\n');
  return [...reason, notes.length === 0 ? first : `${first} # ${notes.join(', ')}`, ...more];
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.replaceAll('`', '').split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** Masks every value, because the gateway cannot know which options of a custom authenticator are secrets. */
function maskAll(options: Tree): Tree {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, mask(value)]));
}

function mask(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mask);
  if (isTree(value)) return maskAll(value);
  return typeof value === 'boolean' ? value : MASK;
}
