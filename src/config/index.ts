/**
 * The configuration of the gateway: file, environment and flags become one checked set of settings. Slow to import (schema and
 * YAML), so that commands load it when they need it.
 */
export { describeConfig, effectiveSettings } from './describe.js';
export { type LoadOptions, loadConfig } from './load.js';
export type { LoadedConfig } from './loaded-config.js';
export type { Config } from './schema.js';
export { settingsTable } from './settings.js';
