/** `rdgw serve` as a process: settings in, words out. */
import cluster from 'node:cluster';
import { homedir } from 'node:os';
import { nextCommand } from '../cli/next-command.js';
import { catchUncaughtErrors, UncaughtErrors } from '../cli/uncaught-errors.js';
import type { LoadedConfig } from '../config/index.js';
import { formatTarget } from '../policy/target.js';
import { type Serving, serve } from './serve.js';
import { loadServeSettings, type ServeRequest } from './settings.js';
import { Signals, untilDrained } from './signals.js';
import { freeInPlaceOnOneCore } from './single-core.js';
import { serveWithWorkers, workerCount } from './workers/primary.js';
import { runWorker } from './workers/worker.js';

export interface ServeTerminal {
  /** Called once the gateway listens: what a person should read, and the same for a program. */
  readonly ready: (words: string, facts: ReadyFacts) => void;
  readonly warn: (warning: string) => void;
  readonly version: string;
}

export interface ReadyFacts {
  readonly url: string;
  readonly name: string;
  readonly port: number;
  /** The CA that clients have to trust; null when the certificate is somebody else's. */
  readonly ca: string | null;
  /** What the first start has made. */
  readonly made: readonly string[];
  /** The command line to try next. */
  readonly next: string;
}

/** Runs until a signal has drained the gateway; SIGHUP and a renewed certificate make it read everything again. */
export async function runServe(request: ServeRequest, terminal: ServeTerminal): Promise<void> {
  freeInPlaceOnOneCore();
  // A worker is the same command once more.
  if (cluster.isWorker) return runWorker();
  const signals = new Signals();
  const loaded = await loadServeSettings(request);
  for (const warning of loaded.warnings) terminal.warn(warning);
  const { config } = loaded;
  // INVARIANT: no stray error, such as one in a timer of a custom authenticator, ends the sessions of everybody. It decides nothing:
  // whoever waits for an answer gets none, and that denies.
  const strays = new UncaughtErrors();
  catchUncaughtErrors(strays.take);
  const workers = workerCount(config);
  const options = { config, dataDir: request.dataDir, writeLog: (line: string) => void process.stderr.write(line) };
  const serving = workers === 1 ? await serve(options) : await serveWithWorkers(options, workers);
  strays.report((facts) => serving.log.error('stray error', { ...facts }));
  // Before anyone is told that the gateway listens: who reads it may send a signal at once.
  const drained = untilDrained(serving, request, signals);
  const facts = await readyFacts(serving, loaded, request.dataDir);
  terminal.ready(readyWords(facts, request, terminal), facts);
  await drained;
  // A custom authenticator may hold a timer or a pool of connections; nothing of ours is left to wait for.
  setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
}

/** For what was written to reach whoever reads it. */
const LAST_WORDS_MS = 500;

async function readyFacts(serving: Serving, { file }: LoadedConfig, dataDir: string): Promise<ReadyFacts> {
  const { name, port, ca, made } = serving;
  const gateway = { host: name, port };
  const next = await nextCommand({ gateway, file, dataDir });
  return { url: `https://${formatTarget(gateway)}`, name, port, ca: ca ?? null, made, next };
}

function readyWords(
  { url, ca, made, next }: ReadyFacts,
  { dataDir }: ServeRequest,
  { version }: ServeTerminal,
): string {
  const words = [`rdgw ${version} listens on ${url}`];
  if (made.length > 0) words.push(`  first start   keys and certificates are new in ${tilde(dataDir)}`);
  if (ca !== null) words.push(`  CA            ${ca}  (clients have to trust it)`);
  words.push(`  try next      ${next}`);
  if (next.startsWith('npx ')) words.push('                (in this folder: elsewhere npx does not know it)');
  return words.join('\n');
}

function tilde(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
