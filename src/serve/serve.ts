/** Starts a gateway in one process, from its configuration, certificates and policy. */
import { hostname } from 'node:os';
import { type Certificates, ensureCertificates } from '../certs/ensure.js';
import { preferredName } from '../certs/names.js';
import { ensureTokenKey } from '../certs/token-key.js';
import { clientPort, formatListen } from '../config/listen.js';
import type { Config } from '../config/schema.js';
import type { Gateway } from '../gateway/gateway.js';
import type { Counts } from '../gateway/report/counters.js';
import { createLog, type RootLog } from '../gateway/report/log.js';
import { openGateway, type PreparedSettings, prepareRuntimeSettings } from './gateway.js';
import { type Metrics, serveMetrics } from './metrics.js';
import { readSettingsFiles, type SettingsFiles } from './settings-files.js';
import { rotateTicketKeys } from './ticket-keys.js';

export interface ServeOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Called with each line of the log. */
  readonly writeLog: (line: string) => void;
}

/** A running gateway, in one process or in several. */
export interface Serving {
  readonly gateway: Pick<Gateway, 'tunnels' | 'listening' | 'drain'>;
  readonly log: RootLog;
  /** The files of the start. */
  readonly settingsFiles: SettingsFiles;
  /** Prepares a reload without changing anything. Throws a `Fault` for settings that cannot be used. */
  prepare(files: SettingsFiles): Promise<PreparedSettings>;
  /** Opens the log files anew, in all processes. Never rejects. */
  reopenLogs(): Promise<void>;
  /** The host name that clients use, and the audience of its tokens. */
  readonly name: string;
  /** The port that clients connect to. */
  readonly port: number;
  /** Path of the CA that clients have to trust, if known. */
  readonly ca: string | undefined;
  /** Undefined if `metrics.listen` is not set. */
  readonly metrics: Metrics | undefined;
  /** What this start created in the data folder; usually empty after the first start. */
  readonly made: Certificates['made'];
}

/** Starts the gateway. Throws a `Fault` for everything that an operator can fix. */
export async function serve({ config, dataDir, writeLog }: ServeOptions): Promise<Serving> {
  const log = createLog({ ...config.log, write: writeLog });
  const { settingsFiles, ...facts } = await loadStartFiles(config, dataDir);
  const { gateway, reopenLogs } = await openGateway(settingsFiles, { log });
  const metrics = await startMetrics(config, log, () => gateway.counts()).catch(async (error) => {
    await gateway.close();
    throw error;
  });
  rotateTicketKeys((keys) => gateway.useTicketKeys(keys));
  const prepare = (files: SettingsFiles): Promise<PreparedSettings> => prepareRuntimeSettings(gateway, files);
  const ports = gateway.addresses.map((address) => address?.port);
  return {
    gateway,
    log,
    settingsFiles,
    prepare,
    reopenLogs: async () => reopenLogs(),
    port: clientPort(config, ports),
    metrics,
    ...facts,
  };
}

/** Reads the files of a start, and creates missing certificates and keys in the data folder. */
export async function loadStartFiles(
  config: Config,
  dataDir: string,
): Promise<Pick<Serving, 'settingsFiles' | 'name' | 'ca' | 'made'>> {
  const { tls } = config;
  const name = config.hostname?.host;
  const own = tls.cert === undefined ? await ensureCertificates(dataDir, { hostname: name ?? hostname() }) : undefined;
  const { key: localKey } = await ensureTokenKey(dataDir);
  const files = await readSettingsFiles(config, dataDir, localKey);
  const exposed = own?.wereReadable.map((path) => `${path} could be read by other users until now: replace it`) ?? [];
  const settingsFiles = { ...files, warnings: [...files.warnings, ...exposed] };
  return {
    settingsFiles,
    name: name ?? preferredName(settingsFiles.tls.names) ?? 'localhost',
    ca: own ? own.files.ca : tls.ca,
    made: own?.made ?? [],
  };
}

/** Serves the counters on `metrics.listen`, if it is set. Throws a `Fault` when it cannot listen there. */
export async function startMetrics(
  { metrics: { listen } }: Config,
  log: RootLog,
  counts: () => Counts | Promise<Counts>,
): Promise<Metrics | undefined> {
  if (listen === undefined) return undefined;
  const metrics = await serveMetrics(listen, counts);
  const { address: host, port } = metrics.address;
  log.event('metrics.listening', { url: `http://${formatListen({ host, port })}/metrics` });
  return metrics;
}
