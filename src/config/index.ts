/**
 * The configuration of the gateway: merges file, environment and flags into one validated set of settings. Slow to import
 * (schema and YAML), so commands import it only when they need it.
 */
export { describeConfig, effectiveSettings } from './describe.js';
export { type LoadOptions, loadConfig } from './load.js';
export type { LoadedConfig } from './loaded-config.js';
export type { Config } from './schema.js';
export { settingsTable } from './settings.js';
