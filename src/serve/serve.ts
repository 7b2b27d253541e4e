/** Joins configuration, certificates, policy and gateway into the running thing that `rdgw serve` is. */
import { hostname } from 'node:os';
import { type Certificates, ensureCertificates } from '../certs/ensure.js';
import { preferredName } from '../certs/names.js';
import { ensureTokenKey } from '../certs/token-key.js';
import { formatListen } from '../config/listen.js';
import type { Config } from '../config/schema.js';
import type { Gateway } from '../gateway/gateway.js';
import type { Counts } from '../gateway/report/counters.js';
import { createLog, type RootLog } from '../gateway/report/log.js';
import { openGateway, type Prepared, prepareRuntimeSettings } from './gateway.js';
import { type Metrics, serveMetrics } from './metrics.js';
import { readSettingsFiles, type SettingsFiles } from './runtime-settings.js';

export interface ServeOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Gets the log, line by line. */
  readonly writeLog: (line: string) => void;
}

/** What runs, in one process or in several. */
export interface Serving {
  readonly gateway: Pick<Gateway, 'tunnels' | 'listening' | 'drain'>;
  readonly log: RootLog;
  /** What it started with. */
  readonly reading: SettingsFiles;
  /** Makes itself ready for other terms, and stays as it is. Throws a `Fault` for what cannot be used. */
  prepare(reading: SettingsFiles): Promise<Prepared>;
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
  const { reading, ...facts } = await readStart(config, dataDir);
  const gateway = await openGateway(reading, { log });
  const metrics = await metricsOf(config, log, () => gateway.counts()).catch(async (error) => {
    await gateway.close();
    throw error;
  });
  const prepare = (other: SettingsFiles): Promise<Prepared> => prepareRuntimeSettings(gateway, other);
  return { gateway, log, reading, prepare, port: gateway.address.port, metrics, ...facts };
}

/** Reads what a start reads; certificates and keys of the data folder are made where they are missing. */
export async function readStart(
  config: Config,
  dataDir: string,
): Promise<Pick<Serving, 'reading' | 'name' | 'ca' | 'made'>> {
  const { tls, hostname: name } = config;
  const own = tls.cert === undefined ? await ensureCertificates(dataDir, { hostname: name ?? hostname() }) : undefined;
  const { key: localKey } = await ensureTokenKey(dataDir);
  const reading = await readSettingsFiles(config, dataDir, localKey);
  return {
    reading,
    name: name ?? preferredName(reading.tls.names) ?? 'localhost',
    ca: own ? own.files.ca : tls.ca,
    made: own?.made ?? [],
  };
}

/** Serves the counters where the settings want them. Throws a `Fault` when the address cannot be had. */
export async function metricsOf(
  { metrics: { listen } }: Config,
  log: RootLog,
  counts: () => Counts | Promise<Counts>,
): Promise<Metrics | undefined> {
  if (listen === undefined) return undefined;
  const metrics = await serveMetrics(listen, counts);
  const { address: host, port } = metrics.address;
  log.info('metrics are served', { url: `http://${formatListen({ host, port })}/metrics` });
  return metrics;
}
