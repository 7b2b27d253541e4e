/** Joins configuration, certificates, policy and gateway into the running thing that `rdgw serve` is. */
import { hostname } from 'node:os';
import { type Certificates, ensureCertificates } from './certs/ensure.js';
import { preferredName } from './certs/names.js';
import { ensureTokenKey } from './certs/token-key.js';
import { formatListen } from './config/listen.js';
import type { Config } from './config/schema.js';
import { type Gateway, startGateway } from './gateway/gateway.js';
import { createLog, type RootLog } from './gateway/log.js';
import { openKeylog } from './keylog.js';
import { type Metrics, serveMetrics } from './serve-metrics.js';
import { type OpenedTerms, openTerms } from './serve-terms.js';

export interface ServeOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Gets the log, line by line. */
  readonly writeLog: (line: string) => void;
}

export interface Serving {
  readonly gateway: Gateway;
  readonly log: RootLog;
  /** What the gateway started with. */
  readonly opened: OpenedTerms;
  /** The name clients use; tokens are minted for it. */
  readonly name: string;
  readonly port: number;
  /** The CA that clients have to trust, where we know it. */
  readonly ca: string | undefined;
  /** Missing where nobody wants them. */
  readonly metrics: Metrics | undefined;
  /** What the first start has made; empty on every later one. */
  readonly made: Certificates['made'];
}

/** Starts the gateway. Throws a `Fault` for everything that a person can put right. */
export async function serve({ config, dataDir, writeLog }: ServeOptions): Promise<Serving> {
  const log = createLog({ ...config.log, write: writeLog });
  const own =
    config.tls.cert === undefined
      ? await ensureCertificates(dataDir, { hostname: config.hostname ?? hostname() })
      : undefined;
  const { key: localKey } = await ensureTokenKey(dataDir);
  const opened = await openTerms(config, dataDir, localKey);
  for (const warning of opened.warnings) log.warn(warning);
  const keylog = config.log.keylog === undefined ? undefined : openKeylog(config.log.keylog, log);
  const gateway = await startGateway({ ...opened.terms, log, keylog: keylog?.write });
  const metrics = await metricsOf(config, gateway, log);
  return {
    gateway,
    log,
    opened,
    name: config.hostname ?? preferredName(opened.terms.tls.names) ?? 'localhost',
    port: gateway.address.port,
    ca: own ? own.files.ca : config.tls.ca,
    metrics,
    made: own?.made ?? [],
  };
}

async function metricsOf(
  { metrics: { listen } }: Config,
  gateway: Gateway,
  log: RootLog,
): Promise<Metrics | undefined> {
  if (listen === undefined) return undefined;
  try {
    const metrics = await serveMetrics(listen, () => gateway.counts());
    const { address: host, port } = metrics.address;
    log.info('metrics are served', { url: `http://${formatListen({ host, port })}/metrics` });
    return metrics;
  } catch (error) {
    await gateway.close();
    throw error;
  }
}
