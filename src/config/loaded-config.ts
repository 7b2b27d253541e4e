import type { Config } from './schema.js';

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, absolute. */
  readonly file: string | undefined;
  /** Where each value came from that is not a default: `rdgw.yaml`, `RDGW_LISTEN`, `flag`. */
  readonly sources: ReadonlyMap<string, string>;
  /** What the operator should hear, one sentence each. */
  readonly warnings: readonly string[];
}
