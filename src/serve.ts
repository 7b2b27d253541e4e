/** Joins configuration, certificates, policy and gateway into the running thing that `rdgw serve` is. */
import { hostname } from 'node:os';
import { type Certificates, ensureCertificates } from './certs/ensure.js';
import { preferredName } from './certs/names.js';
import { ensureTokenKey } from './certs/token-key.js';
import type { Config } from './config/schema.js';
import type { Commons } from './gateway/commons.js';
import { type Gateway, startGateway } from './gateway/gateway.js';
import { createLog, type Log } from './gateway/log.js';
import { openKeylog } from './keylog.js';
import { openGuard } from './policy/open.js';
import { parseRule } from './policy/rules.js';
import { loadIdentity } from './serve-identity.js';

export interface ServeOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Gets the log, line by line. */
  readonly writeLog: (line: string) => void;
  /** Which of several processes this is; it is the only one without. */
  readonly worker?: WorkerPlace;
}

export interface WorkerPlace {
  readonly number: number;
  /** Whether it says what is to be said at a start: with several processes one is enough. */
  readonly announces: boolean;
  readonly commons: Commons;
}

export interface Serving {
  readonly gateway: Pick<Gateway, 'tunnels' | 'drain'>;
  readonly log: Log;
  /** The name clients use; tokens are minted for it. */
  readonly name: string;
  readonly port: number;
  /** The CA that clients have to trust, where we know it. */
  readonly ca: string | undefined;
  /** What the first start has made; empty on every later one. */
  readonly made: Certificates['made'];
}

/** Starts the gateway. Throws a `Fault` for everything that a person can put right. */
export async function serve(options: ServeOptions): Promise<Serving & { readonly gateway: Gateway }> {
  const { config, dataDir, writeLog, worker } = options;
  const alone = createLog({ ...config.log, write: writeLog });
  const log = worker ? alone.with({ worker: worker.number }) : alone;
  const startLog = worker && !worker.announces ? { ...log, warn: () => undefined } : log;
  const { own, localKey } = await ensureKeys(config, dataDir);
  const { tls, audiences, warnings } = await loadIdentity(config, dataDir);
  const { guard, warnings: guardWarnings } = await openGuard(config, localKey, audiences);
  for (const warning of [...guardWarnings, ...warnings]) startLog.warn(warning);
  const keylog = config.log.keylog === undefined ? undefined : openKeylog(config.log.keylog, startLog);
  const gateway = await startGateway({
    config,
    tls,
    guard,
    rules: config.targets.allow.map(parseRule),
    log,
    keylog: keylog?.write,
    commons: worker?.commons,
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

/** The certificates and keys of the data folder, made where they are missing. */
export async function ensureKeys(
  { tls, hostname: name }: Config,
  dataDir: string,
): Promise<{ own: Certificates | undefined; localKey: Uint8Array }> {
  const own = tls.cert === undefined ? await ensureCertificates(dataDir, { hostname: name ?? hostname() }) : undefined;
  const { key: localKey } = await ensureTokenKey(dataDir);
  return { own, localKey };
}
