/** What `rdgw serve` was told on its command line, as settings. */
import { type LoadedConfig, loadConfig } from '../config/index.js';

/** The flags of `rdgw serve` that are settings, with the path of each. */
const SETTING_FLAGS = {
  listen: 'listen',
  cert: 'tls.cert',
  key: 'tls.key',
  drain: 'timeouts.drain',
  'log-level': 'log.level',
  'log-format': 'log.format',
  keylog: 'log.keylog',
  workers: 'workers',
} as const;
type SettingFlag = keyof typeof SETTING_FLAGS;

export interface ServeRequest {
  /** `--config` */
  readonly file: string | undefined;
  readonly dataDir: string;
  /** The flags that are settings, by their names without dashes. */
  readonly flags: Readonly<Partial<Record<SettingFlag, string | undefined>>>;
}

/** The configuration with the flags over it. Throws like `loadConfig`. */
export function loadServeSettings({ file, flags }: ServeRequest): Promise<LoadedConfig> {
  const rows = Object.entries(SETTING_FLAGS) as [SettingFlag, string][];
  return loadConfig({
    file,
    overrides: Object.fromEntries(
      rows.map(([flag, path]) => [path, flag === 'drain' ? number(flags[flag]) : flags[flag]]),
    ),
    flagNames: Object.fromEntries(rows.map(([flag, path]) => [path, `--${flag}`])),
  });
}

/** A word that is no number stays as it is: the schema knows what to say about it. */
function number(word: string | undefined): string | number | undefined {
  return word === undefined || word === '' || Number.isNaN(Number(word)) ? word : Number(word);
}
