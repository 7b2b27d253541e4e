/** Reads the settings files and makes runtime settings of them, at the start and at every reload. */
import type { TlsFiles } from '../certs/tls-files.js';
import type { Config } from '../config/schema.js';
import { type RuntimeSettings, secureContext } from '../gateway/settings/runtime-settings.js';
import { type GuardFiles, makeGuard, readGuardFiles } from '../policy/open.js';
import { parseRule } from '../policy/rules.js';
import { loadCertificate } from './certificate.js';
import { fitDescriptors } from './file-descriptors.js';

/**
 * The contents of all files that the settings name. It is plain data that the primary passes to its workers, so that
 * they stay equal even if a file changes meanwhile. Only a custom authenticator is code, which each process loads
 * itself.
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
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/** Reads the certificate, its key and the guard's files. Throws a `Fault` for everything that an operator can fix. */
export async function readSettingsFiles(config: Config, dataDir: string, localKey: Uint8Array): Promise<SettingsFiles> {
  const { tls, audiences, warnings } = await loadCertificate(config, dataDir);
  return { config, tls, audiences, localKey, guardFiles: await readGuardFiles(config), warnings };
}

/** Throws a `Fault` for files that could be read but cannot be used. */
export async function makeRuntimeSettings(files: SettingsFiles): Promise<MadeSettings> {
  const { config, audiences, localKey, guardFiles, warnings } = files;
  const tls = tlsOf(files);
  secureContext(tls);
  const rules = config.targets.allow.map(parseRule);
  // For this process: each worker has descriptors of its own.
  const { connections, warning } = fitDescriptors(config.limits.connections, config.workers === 1);
  const fitted = { ...config, limits: { ...config.limits, connections } };
  // Last: a custom authenticator may open connections, which would stay open if a later step failed.
  const { guard, warnings: guardWarnings } = await makeGuard(config, guardFiles, localKey, audiences);
  return {
    settings: { config: fitted, tls, guard, rules },
    warnings: [...guardWarnings, ...warnings, ...proxyWarnings(config), ...(warning === undefined ? [] : [warning])],
  };
}

function tlsOf({ config, tls: { cert, key } }: SettingsFiles): RuntimeSettings['tls'] {
  return { cert, key, profile: config.tls.profile };
}

/** An entry for all addresses lets everybody choose the address that limits and rules see. */
export function proxyWarnings({ trustedProxies }: Pick<Config, 'trustedProxies'>): readonly string[] {
  const all = trustedProxies.filter((entry) => entry.endsWith('/0'));
  return all.map((entry) => `trustedProxies contains ${entry}: every client can claim to be another one`);
}

/** Throws what `makeRuntimeSettings` would throw, but runs no code of a custom authenticator. */
export async function checkRuntimeSettings(files: SettingsFiles): Promise<void> {
  if (files.config.auth.module !== undefined) return void secureContext(tlsOf(files));
  const { settings } = await makeRuntimeSettings(files);
  await settings.guard.close();
}
