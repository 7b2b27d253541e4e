/**
 * Runs `rdgw serve` as a process: reads the settings, starts the gateway, prints the ready message and waits for a
 * signal.
 */
import cluster from 'node:cluster';
import { homedir } from 'node:os';
import { nextCommand } from '../cli/next-command.js';
import { catchUncaughtErrors, UncaughtErrors } from '../cli/uncaught-errors.js';
import type { LoadedConfig } from '../config/index.js';
import { formatAddress } from '../config/listen.js';
import { formatTarget } from '../policy/target.js';
import { type Serving, serve } from './serve.js';
import { loadServeSettings, type ServeRequest } from './settings.js';
import { Signals, untilDrained } from './signals.js';
import { freeInPlaceOnOneCore } from './single-core.js';
import { openLogOutput } from './stderr.js';
import { serveWithWorkers, workerCount } from './workers/primary.js';
import { runWorker } from './workers/worker.js';

export interface ServeTerminal {
  /** Called once the gateway listens, with a message for the terminal and the same facts for `--json`. */
  readonly ready: (message: string, facts: ReadyFacts) => void;
  readonly warn: (warning: string) => void;
  readonly version: string;
}

export interface ReadyFacts {
  readonly url: string;
  readonly name: string;
  readonly port: number;
  /** The listen addresses as configured, `8443` or `unix:/run/rdgw/gateway.sock`. */
  readonly listen: readonly string[];
  /**
   * Path of the CA that clients have to trust; null if the certificate comes from another CA whose file is not
   * configured.
   */
  readonly ca: string | null;
  /** The absolute path of the configuration file; null without one. */
  readonly config: string | null;
  /** What this start created in the data folder. */
  readonly made: readonly string[];
  /** The command line to try next. */
  readonly next: string;
}

/** Runs until a signal has drained the gateway. SIGHUP and a renewed certificate reload everything. */
export async function runServe(request: ServeRequest, terminal: ServeTerminal): Promise<void> {
  freeInPlaceOnOneCore();
  // The primary starts each worker with the same command line.
  if (cluster.isWorker) return runWorker();
  const signals = new Signals();
  const loaded = await loadServeSettings(request);
  for (const warning of loaded.warnings) terminal.warn(warning);
  const { config } = loaded;
  // INVARIANT: an uncaught error, for example in a timer of a custom authenticator, does not end the process and all
  // its sessions. It cannot grant access either: a caller that waits for a decision gets none, and a missing decision
  // denies.
  const uncaught = new UncaughtErrors();
  catchUncaughtErrors(uncaught.handle);
  const workers = workerCount(config);
  const output = openLogOutput();
  const options = { config, dataDir: request.dataDir, writeLog: output.write };
  const serving = workers === 1 ? await serve(options) : await serveWithWorkers(options, workers);
  uncaught.reportTo((facts) => serving.log.event('error.uncaught', { ...facts }));
  output.reportTo((lines) => serving.log.event('log.dropped', { lines }));
  // Before the ready message: its reader may send a signal at once.
  const drained = untilDrained(serving, request, signals);
  const facts = await readyFacts(serving, loaded, request.dataDir);
  terminal.ready(readyMessage(facts, request, terminal), facts);
  await drained;
  await output.flush(FLUSH_MS);
  // A timer or a connection pool of a custom authenticator may keep the process running; the gateway itself has ended.
  setTimeout(() => process.exit(), FLUSH_MS).unref();
}

/** Time for buffered output to reach its reader. */
const FLUSH_MS = 500;

async function readyFacts(serving: Serving, { file, config }: LoadedConfig, dataDir: string): Promise<ReadyFacts> {
  const { name, port, ca, made } = serving;
  const gateway = { host: name, port };
  const next = await nextCommand({ gateway, file, dataDir });
  const listen = config.listen.map(({ address }) => formatAddress(address));
  const url = `https://${formatTarget(gateway)}`;
  return { url, name, port, listen, ca: ca ?? null, config: file ?? null, made, next };
}

function readyMessage(
  { url, listen, ca, config, made, next }: ReadyFacts,
  { dataDir }: ServeRequest,
  { version }: ServeTerminal,
): string {
  const lines = [`rdgw ${version} listens on ${url}`];
  if (listen.length > 1 || listen.some((address) => address.startsWith('unix:'))) {
    lines.push(...listen.map((address, index) => `  ${index === 0 ? 'addresses' : '         '}     ${address}`));
  }
  if (config !== null) lines.push(`  configuration ${tilde(config)}`);
  if (made.length > 0) lines.push(`  first start   created keys and certificates in ${tilde(dataDir)}`);
  if (ca !== null) lines.push(`  CA            ${ca}  (clients must trust it)`);
  lines.push(`  try next      ${next}`);
  if (next.startsWith('npx ')) lines.push('                (in this folder: npx does not find rdgw in others)');
  return lines.join('\n');
}

function tilde(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
