import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTokenKey } from '../../src/certs/token-key.js';
import { type Child, startChild } from './child.js';
import type { Lab } from './lab.js';
import { runProgram } from './program.js';

const RDGW = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** `rdgw serve` as its users start it, in a data folder of its own. */
export interface GatewayProcess {
  /** In its certificate. */
  readonly host: 'localhost';
  readonly port: number;
  readonly dataDir: string;
  /** The CA that its first start has made. */
  readonly caFile: string;
  readonly child: Child;
  /** The lines of its log so far, parsed. */
  log(): LogLine[];
  /** The secret of its tokens. */
  key(): Promise<Uint8Array>;
  /** Runs another command on the same data folder; returns what it printed. */
  rdgw(...args: string[]): Promise<string>;
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string };

export interface GatewayProcessOptions {
  /** A program and its arguments that end by running what follows them: `prlimit --nofile=64`. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A port of 127.0.0.1 that the system chooses, unless it is set. */
  readonly listen?: string;
}

/** It makes keys and certificates first, and a machine under load takes its time. */
const READY_LIMIT_MS = 60_000;

let count = 0;

export async function startGatewayProcess(
  lab: Lab,
  args: readonly string[] = [],
  { through = [], env = {}, listen = '127.0.0.1:0' }: GatewayProcessOptions = {},
): Promise<GatewayProcess> {
  count += 1;
  const dataDir = join(lab.folder, `data-${count}`);
  const flags = ['serve', '--listen', listen, '--data-dir', dataDir, '--log-format', 'json', ...args];
  const [program = '', ...rest] = [...through, process.execPath, RDGW, ...flags];
  const child = await startChild(lab, program, rest, {
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
    rdgw: (...more) => runProgram(process.execPath, [RDGW, ...more, '--data-dir', dataDir]),
  };
}

function portOf(output: string): string | undefined {
  return /https:\/\/\S+:(\d+)/.exec(output)?.[1];
}
