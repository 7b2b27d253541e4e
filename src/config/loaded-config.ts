import type { Config } from './schema.js';

/** The result of `loadConfig`. */
export interface LoadedConfig {
  readonly config: Config;
  /** Absolute path of the configuration file, or `undefined` if there is none. */
  readonly file: string | undefined;
  /** The source of each value that is not a default, by setting path: `rdgw.yaml`, `RDGW_LISTEN` or `flag`. */
  readonly sources: ReadonlyMap<string, string>;
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
}
