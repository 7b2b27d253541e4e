/** The gateway's TLS certificate and key, and the audience names that its tokens may carry. */
import { stat } from 'node:fs/promises';
import { dataFiles } from '../certs/folder.js';
import { loadTlsFiles, type TlsFiles } from '../certs/tls-files.js';
import type { Config } from '../config/schema.js';
import { isReadableByOthers } from '../files.js';

export interface GatewayCertificate {
  readonly tls: TlsFiles;
  readonly audiences: readonly string[];
  /** Warnings for the operator at the start, one sentence each. */
  readonly warnings: readonly string[];
}

const DAY_MS = 86_400_000;
/** Three weeks leave an operator enough time to renew a certificate by hand. */
const EXPIRY_WARNING_DAYS = 21;

/** Reads the certificate and key of the configuration, else those of the data folder. Throws like `loadTlsFiles`. */
export async function loadCertificate(config: Config, dataDir: string): Promise<GatewayCertificate> {
  const { certPath, keyPath } = tlsPaths(config, dataDir);
  const tls = await loadTlsFiles(certPath, keyPath);
  const names = [...tls.names.dns, ...tls.names.addresses];
  const warnings = [...tlsWarnings(config, tls), ...(await secretWarnings([keyPath, dataFiles(dataDir).tokenKey]))];
  return { tls, audiences: audiencesOf(config, names), warnings };
}

/** The token key may not exist yet. */
async function secretWarnings(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const open = paths.filter((_, index) => found[index] !== undefined && isReadableByOthers(found[index]));
  return open.map((path) => `${path} can be read by other users (chmod 600)`);
}

/** Paths of the certificate and its key: those of the configuration, else those of the data folder. */
export function tlsPaths({ tls }: Config, dataDir: string): { readonly certPath: string; readonly keyPath: string } {
  const files = dataFiles(dataDir);
  return { certPath: tls.cert ?? files.server, keyPath: tls.key ?? files.serverKey };
}

/** Token audiences for a certificate with these `names`: its names, and `hostname` where it is set. */
export function audiencesOf({ hostname }: Config, names: readonly string[]): readonly string[] {
  return hostname === undefined ? names : [hostname.host, ...names];
}

function tlsWarnings({ hostname }: Config, { names, expires }: TlsFiles): string[] {
  const name = hostname?.host;
  const warnings: string[] = [];
  const days = Math.floor((expires.getTime() - Date.now()) / DAY_MS);
  if (days < 0)
    warnings.push(`the certificate expired on ${expires.toISOString().slice(0, 10)}: clients will refuse it`);
  else if (days < EXPIRY_WARNING_DAYS) warnings.push(`the certificate expires in ${days} days`);
  const covered = [...names.dns, ...names.addresses];
  if (
    name !== undefined &&
    !covered.some((entry) => entry === name || (entry.startsWith('*.') && name.endsWith(entry.slice(1))))
  ) {
    warnings.push(`the certificate is not for ${name} (hostname): clients will refuse it`);
  }
  if (name === undefined && covered.some((entry) => entry.startsWith('*.'))) {
    warnings.push('the certificate has a wildcard: set hostname, so that tokens for that name are accepted');
  }
  return warnings;
}
