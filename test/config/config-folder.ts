import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach } from 'vitest';
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../src/config/index.js';

export interface ConfigFolder {
  /** A new empty folder for each test. */
  readonly cwd: string;
  readonly write: (name: string, text: string) => string;
  readonly load: (options?: LoadOptions) => Promise<LoadedConfig>;
  /** Loads `text` as the rdgw.yaml of the folder. */
  readonly loadText: (text: string, options?: LoadOptions) => Promise<LoadedConfig>;
}

/** Creates folders to load configurations from, without the environment and the home folder of the machine. */
export function configFolder(): ConfigFolder {
  const root = mkdtempSync(join(tmpdir(), 'rdgw-config-'));
  let cwd = root;
  beforeEach(() => {
    cwd = mkdtempSync(join(root, 'cwd-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const load = (options: LoadOptions = {}) => loadConfig({ env: {}, cwd, home: join(cwd, 'home'), ...options });
  const write = (name: string, text: string): string => {
    const path = join(cwd, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  return {
    get cwd() {
      return cwd;
    },
    write,
    load,
    loadText: (text, options) => {
      write('rdgw.yaml', text);
      return load(options);
    },
  };
}
