/** The settings of `rdgw serve`: its configuration with the flags of the command line over it. */
import { type LoadedConfig, loadConfig } from '../config/index.js';

/** Flags of `rdgw serve` that override a setting, with the path of the setting. */
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
  /** Values of the flags that override settings, by name without dashes. */
  readonly flags: Readonly<Partial<Record<SettingFlag, string | undefined>>>;
}

/** Loads the configuration with the flags over it. Throws like `loadConfig`. */
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

/** Returns text that is not a number unchanged: the schema reports the error. */
function number(text: string | undefined): string | number | undefined {
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
