/**
 * `rdgw serve --check`: reads everything that a start reads. It creates no file, opens no port and runs no custom
 * authenticator.
 */
import { hostname } from 'node:os';
import { checkDataFolder } from '../certs/check.js';
import { defaultHosts } from '../certs/names.js';
import { describeMade } from '../cli/certificates.js';
import { describeConfig, effectiveSettings } from '../config/index.js';
import { checkGuard } from '../policy/open.js';
import { audiencesOf, loadCertificate } from './certificate.js';
import { checkKeylog } from './keylog.js';
import { loadServeSettings, type ServeRequest } from './settings.js';

export interface CheckedStart {
  /** The effective settings, as a configuration file. */
  readonly text: string;
  readonly settings: unknown;
  /** What a start would create, and its warnings; one sentence each. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** Throws the faults that a start would throw, except those of listening and of loading a custom authenticator. */
export async function checkServe(request: ServeRequest): Promise<CheckedStart> {
  const loaded = await loadServeSettings(request);
  const { config } = loaded;
  const { missing, tokenKey } = await checkDataFolder(request.dataDir, config.tls.cert === undefined);
  const identity = missing.includes('server') ? undefined : await loadCertificate(config, request.dataDir);
  const audiences = identity?.audiences ?? audiencesOf(config, defaultHosts(config.hostname?.host ?? hostname()));
  const guardWarnings = await checkGuard(config, tokenKey, audiences);
  if (config.log.keylog !== undefined) checkKeylog(config.log.keylog);
  return {
    text: describeConfig(loaded).trimEnd(),
    settings: effectiveSettings(loaded),
    notes: missing.length === 0 ? [] : [`The first start will make ${describeMade(missing)} in ${request.dataDir}.`],
    warnings: [...loaded.warnings, ...guardWarnings, ...(identity?.warnings ?? [])],
  };
}
