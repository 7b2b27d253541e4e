/** Joins configuration, certificates, policy and gateway into the running thing that `rdgw serve` is. */
import { hostname } from 'node:os';
import { type Certificates, ensureCertificates } from './certs/ensure.js';
import { dataFiles } from './certs/folder.js';
import { preferredName } from './certs/names.js';
import { loadTlsFiles, type TlsFiles } from './certs/tls-files.js';
import { ensureTokenKey } from './certs/token-key.js';
import type { Config } from './config/schema.js';
import { type Gateway, startGateway } from './gateway/gateway.js';
import { createLog, type Log } from './gateway/log.js';
import { openKeylog } from './keylog.js';
import { openGuard } from './policy/open.js';
import { parseRule } from './policy/rules.js';

export interface ServeOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Gets the log, line by line. */
  readonly writeLog: (line: string) => void;
}

export interface Serving {
  readonly gateway: Gateway;
  readonly log: Log;
  /** The name clients use; tokens are minted for it. */
  readonly name: string;
  readonly port: number;
  /** The CA that clients have to trust, where we know it. */
  readonly ca: string | undefined;
  /** What the first start has made; empty on every later one. */
  readonly made: Certificates['made'];
}

const DAY_MS = 86_400_000;
/** Three weeks is time enough for a person to act. */
const EXPIRY_WARNING_DAYS = 21;

/** Starts the gateway. Throws a `Fault` for everything that a person can put right. */
export async function serve({ config, dataDir, writeLog }: ServeOptions): Promise<Serving> {
  const log = createLog({ ...config.log, write: writeLog });
  const own =
    config.tls.cert === undefined
      ? await ensureCertificates(dataDir, { hostname: config.hostname ?? hostname() })
      : undefined;
  const tls = await loadTls(config, dataDir);
  const { key: localKey } = await ensureTokenKey(dataDir);
  const names = [...tls.names.dns, ...tls.names.addresses];
  const audiences = config.hostname === undefined ? names : [config.hostname, ...names];
  const { guard, warnings } = await openGuard(config, localKey, audiences);
  for (const warning of [...warnings, ...tlsWarnings(config, tls)]) log.warn(warning);
  const keylog = config.log.keylog === undefined ? undefined : openKeylog(config.log.keylog, log);
  const gateway = await startGateway({
    config,
    tls,
    guard,
    rules: config.targets.allow.map(parseRule),
    log,
    keylog: keylog?.write,
  });
  return {
    gateway,
    log,
    name: config.hostname ?? preferredName(tls.names) ?? 'localhost',
    port: gateway.address.port,
    ca: own ? own.files.ca : config.tls.ca,
    made: own?.made ?? [],
  };
}

/** The certificate and key of the configuration, else those of the data folder. */
function loadTls({ tls }: Config, dataDir: string): Promise<TlsFiles> {
  const files = dataFiles(dataDir);
  return loadTlsFiles(tls.cert ?? files.server, tls.key ?? files.serverKey);
}

function tlsWarnings({ hostname: name }: Config, { names, expires }: TlsFiles): string[] {
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
    warnings.push('the certificate has a wildcard: set hostname, so that tokens for that name are taken');
  }
  return warnings;
}
