/** From settings to what a gateway goes by, at the start and at every reload. */
import type { TlsFiles } from '../certs/tls-files.js';
import type { Config } from '../config/schema.js';
import { type RuntimeSettings, secureContext } from '../gateway/settings/runtime-settings.js';
import { type GuardFiles, makeGuard, readGuardFiles } from '../policy/open.js';
import { parseRule } from '../policy/rules.js';
import { loadCertificate } from './certificate.js';
import { fitDescriptors } from './file-descriptors.js';

/**
 * All that was read from files: plain data, so that several processes get it from one reader and a file that was spoiled meanwhile
 * makes none of them differ. A custom authenticator alone is code, which each process loads for itself.
 */
export interface SettingsFiles {
  readonly config: Config;
  readonly tls: TlsFiles;
  readonly audiences: readonly string[];
  readonly localKey: Uint8Array;
  readonly guardFiles: GuardFiles;
  readonly warnings: readonly string[];
}

export interface MadeSettings {
  readonly settings: RuntimeSettings & { readonly config: Config };
  /** What the operator should hear, one sentence each. */
  readonly warnings: readonly string[];
}

/** Reads the certificate, its key and what the guard needs. Throws a `Fault` for everything that a person can put right. */
export async function readSettingsFiles(config: Config, dataDir: string, localKey: Uint8Array): Promise<SettingsFiles> {
  const { tls, audiences, warnings } = await loadCertificate(config, dataDir);
  return { config, tls, audiences, localKey, guardFiles: await readGuardFiles(config), warnings };
}

/** Throws a `Fault` for what can be read but not used. */
export async function makeRuntimeSettings(reading: SettingsFiles): Promise<MadeSettings> {
  const { config, tls, audiences, localKey, guardFiles, warnings } = reading;
  secureContext(tls);
  const rules = config.targets.allow.map(parseRule);
  // Of this process: each worker has descriptors of its own.
  const { connections, warning } = fitDescriptors(config.limits.connections, config.workers === 1);
  const fitted = { ...config, limits: { ...config.limits, connections } };
  // Last: a custom authenticator may open connections, which nobody would close if anything behind it failed.
  const { guard, warnings: guardWarnings } = await makeGuard(config, guardFiles, localKey, audiences);
  return {
    settings: { config: fitted, tls, guard, rules },
    warnings: [...guardWarnings, ...warnings, ...(warning === undefined ? [] : [warning])],
  };
}

/** Throws what `makeTerms` would throw, but runs no code of a custom authenticator. */
export async function checkRuntimeSettings(reading: SettingsFiles): Promise<void> {
  if (reading.config.auth.module !== undefined) return void secureContext(reading.tls);
  const { settings } = await makeRuntimeSettings(reading);
  await settings.guard.close();
}
