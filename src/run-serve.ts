/** `rdgw serve` as a process: settings in, words out, signals obeyed. */
import { homedir } from 'node:os';
import { EXIT } from './cli/exit.js';
import { nextLine } from './cli/next-line.js';
import { strayFacts, takeStrays } from './cli/stray.js';
import type { LoadedConfig } from './config.js';
import { formatTarget } from './policy/target.js';
import { type Serving, serve } from './serve.js';
import { loadServeSettings, type ServeRequest } from './serve-settings.js';

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

/** Runs until a signal has drained the gateway. */
export async function runServe(request: ServeRequest, terminal: ServeTerminal): Promise<void> {
  const loaded = await loadServeSettings(request);
  for (const warning of loaded.warnings) terminal.warn(warning);
  const { config } = loaded;
  const serving = await serve({
    config,
    dataDir: request.dataDir,
    writeLog: (line) => void process.stderr.write(line),
  });
  // INVARIANT: no stray error, such as one in a timer of a custom authenticator, ends the sessions of everybody. It decides nothing:
  // whoever waits for an answer gets none, and that denies.
  takeStrays((error) => serving.log.error('stray error', strayFacts(error)));
  // Before anyone is told that the gateway listens: who reads it may send a signal at once.
  const drained = untilDrained(serving, config.timeouts.drain * 1000);
  const facts = await readyFacts(serving, loaded, request.dataDir);
  terminal.ready(readyWords(facts, request, terminal), facts);
  await drained;
}

async function readyFacts(serving: Serving, { file }: LoadedConfig, dataDir: string): Promise<ReadyFacts> {
  const { name, port, ca, made } = serving;
  const gateway = { host: name, port };
  const next = await nextLine({ gateway, file, dataDir });
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
  return words.join('\n');
}

function tilde(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/** The first signal drains, the second one ends at once. */
function untilDrained({ gateway, log }: Serving, drainMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let draining = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (draining) process.exit(signal === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
      draining = true;
      log.info('draining', { signal, sessions: gateway.tunnels, seconds: drainMs / 1000 });
      gateway.drain(drainMs).then(() => {
        log.info('stopped');
        resolve();
      }, reject);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
