/** From settings to what a gateway goes by, at the start and at every reload. */
import type { TlsFiles } from './certs/tls-files.js';
import type { Config } from './config/schema.js';
import { fitDescriptors } from './descriptors.js';
import type { Terms } from './gateway/terms.js';
import { openGuard } from './policy/open.js';
import { parseRule } from './policy/rules.js';
import { loadIdentity } from './serve-identity.js';

export interface OpenedTerms {
  readonly terms: Terms & { readonly config: Config; readonly tls: TlsFiles };
  /** What the operator should hear, one sentence each. */
  readonly warnings: readonly string[];
}

/** Reads the certificate, its key and what the guard needs. Throws a `Fault` for everything that a person can put right. */
export async function openTerms(config: Config, dataDir: string, localKey: Uint8Array): Promise<OpenedTerms> {
  const { tls, audiences, warnings } = await loadIdentity(config, dataDir);
  const rules = config.targets.allow.map(parseRule);
  const { connections, warning } = fitDescriptors(config.limits.connections);
  const fitted = { ...config, limits: { ...config.limits, connections } };
  // Last: a custom authenticator may open connections, which nobody would close if anything behind it failed.
  const { guard, warnings: guardWarnings } = await openGuard(config, localKey, audiences);
  return {
    terms: { config: fitted, tls, guard, rules },
    warnings: [...guardWarnings, ...warnings, ...(warning === undefined ? [] : [warning])],
  };
}
