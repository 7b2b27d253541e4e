/** `rdgw serve` as a process: settings in, words out, signals obeyed. */
import { homedir } from 'node:os';
import { EXIT } from './cli/exit.js';
import { describeConfig, effectiveSettings, type LoadedConfig, loadConfig } from './config.js';
import { type Serving, serve } from './serve.js';

export interface ServeRequest {
  /** `--config` */
  readonly file: string | undefined;
  readonly dataDir: string;
  /** Flags by the path of their setting. */
  readonly overrides: Readonly<Record<string, unknown>>;
}

export interface ServeTerminal {
  /** What a person should read once the gateway listens. */
  readonly ready: (words: string) => void;
  readonly warn: (warning: string) => void;
  readonly version: string;
  /** The data folder when nobody names one. */
  readonly defaultDataDir: string;
}

export interface CheckedSettings {
  readonly text: string;
  readonly settings: unknown;
  readonly warnings: readonly string[];
}

/** Validates the settings without making or opening anything. */
export async function checkServe(request: ServeRequest): Promise<CheckedSettings> {
  const loaded = await load(request);
  return { text: describeConfig(loaded).trimEnd(), settings: effectiveSettings(loaded), warnings: loaded.warnings };
}

/** Runs until a signal has drained the gateway. Resolves to what `--json` prints at the end. */
export async function runServe(request: ServeRequest, terminal: ServeTerminal): Promise<unknown> {
  const loaded = await load(request);
  for (const warning of loaded.warnings) terminal.warn(warning);
  const { config } = loaded;
  const serving = await serve({
    config,
    dataDir: request.dataDir,
    writeLog: (line) => void process.stderr.write(line),
  });
  terminal.ready(readyWords(serving, request, terminal));
  await untilDrained(serving, config.timeouts.drain * 1000);
  return { drained: true };
}

function load({ file, overrides }: ServeRequest): Promise<LoadedConfig> {
  return loadConfig({ file, overrides, env: process.env });
}

function readyWords(serving: Serving, request: ServeRequest, { version, defaultDataDir }: ServeTerminal): string {
  const { name, port, ca, made } = serving;
  const host = name.includes(':') ? `[${name}]` : name;
  const words = [`rdgw ${version} listens on https://${host}:${port}`];
  if (made.length > 0) words.push(`  first start   keys and certificates are new in ${tilde(request.dataDir)}`);
  if (ca !== undefined) words.push(`  CA            ${ca}  (clients have to trust it)`);
  words.push(`  try next      ${mkrdpLine(serving, request, defaultDataDir)}`);
  return words.join('\n');
}

/** The exact line that makes an .rdp file for this gateway: with the flags that its settings make necessary. */
function mkrdpLine(
  { name, port }: Serving,
  { file, dataDir, overrides }: ServeRequest,
  defaultDataDir: string,
): string {
  const runner = process.env.npm_command === 'exec' ? 'npx rdgw' : 'rdgw';
  const words = [`${runner} mkrdp --target 192.168.0.101`];
  if (overrides.listen !== undefined || overrides['tls.cert'] !== undefined) {
    words.push(`--gateway ${name.includes(':') ? `[${name}]` : name}:${port}`);
  }
  if (file !== undefined) words.push(`--config ${quote(file)}`);
  if (dataDir !== defaultDataDir) words.push(`--data-dir ${quote(dataDir)}`);
  return words.join(' ');
}

/** A word that a shell takes as one. */
function quote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
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
