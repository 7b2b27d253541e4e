import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTokenKey } from '../../src/certs/token-key.js';
import type { LogEvent } from '../../src/gateway/report/events.js';
import { type Child, startChild } from './child.js';
import type { Lab } from './lab.js';
import { runProgram } from './program.js';

const RDGW = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** A process of `rdgw serve` with its own data directory. */
export interface GatewayProcess {
  /** A name in its certificate. */
  readonly host: 'localhost';
  readonly port: number;
  readonly dataDir: string;
  /** The CA that the first start has created. */
  readonly caFile: string;
  readonly child: Child;
  /** The parsed log lines so far. */
  log(): LogLine[];
  /** The token key. */
  key(): Promise<Uint8Array>;
  /** Runs another command with the same data directory and wrapper, and resolves with its stdout. */
  rdgw(...args: string[]): Promise<string>;
}

export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event: LogEvent;
  readonly msg: string;
  readonly level: string;
};

export interface GatewayProcessOptions {
  /** A command line that runs the command appended to it, for example `prlimit --nofile=64`. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** By default a free port of 127.0.0.1. With `false` the configuration names it. */
  readonly listen?: string | false;
}

/** The first start creates keys and certificates, which is slow on a busy machine. */
const READY_LIMIT_MS = 60_000;

let count = 0;

export async function startGatewayProcess(
  lab: Lab,
  args: readonly string[] = [],
  { wrapper = [], env = {}, listen = '127.0.0.1:0' }: GatewayProcessOptions = {},
): Promise<GatewayProcess> {
  count += 1;
  const dataDir = join(lab.folder, `data-${count}`);
  const where = listen === false ? [] : ['--listen', listen];
  const flags = ['serve', ...where, '--data-dir', dataDir, '--log-format', 'json', ...args];
  const [program = '', ...rest] = [...wrapper, process.execPath, RDGW];
  const child = await startChild(lab, program, [...rest, ...flags], {
    env,
    ready: (started) => portOf(started.output()),
    readyLimitMs: READY_LIMIT_MS,
  });
  return {
    host: 'localhost',
    port: Number(portOf(child.output())),
    dataDir,
    caFile: join(dataDir, 'ca.pem'),
    child,
    log: () =>
      child
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    key: () => loadTokenKey(dataDir),
    rdgw: (...more) => runProgram(program, [...rest, ...more, '--data-dir', dataDir]),
  };
}

function portOf(output: string): string | undefined {
  return /https:\/\/\S+:(\d+)/.exec(output)?.[1];
}
