/** Runs `rdgw serve --workers 2` as processes. The log shows which worker accepted a connection. */

import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadTokenKey } from '../../src/certs/token-key.js';
import type { LogEvent } from '../../src/gateway/report/events.js';
import { mintToken } from '../../src/policy/token.js';
import { RawClient, type Server, type TransportKind } from './client.js';
import { type Program, startRdgw } from './program.js';
import { eventually } from './wait.js';

/** Starts two workers with local sockets, home and data directory in the folder of the test. */
export function startWorkers(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const folders = { HOME: folder, TMPDIR: folder, RDGW_DATA_DIR: join(folder, 'data') };
  return startRdgw(['serve', '--workers', '2', ...args], { cwd: folder, env: { ...folders, ...env } });
}

export interface Workers extends Server {
  readonly run: Program;
  /** A client with an open channel to the target. It trusts the CA in the data directory. */
  open(transport: TransportKind, token?: string): Promise<RawClient>;
}

export interface WorkersOptions {
  readonly folder: string;
  readonly target: { readonly name: string; readonly port: number };
  readonly settings?: object;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly started?: (run: Program) => void;
}

/** Writes the configuration file, which is read at start and on reload. Returns its path. */
export function configure(folder: string, settings: object): string {
  const config = join(folder, 'rdgw.json');
  writeFileSync(config, JSON.stringify({ log: { format: 'json', level: 'debug' }, ...settings }));
  return config;
}

export async function listeningWorkers(options: WorkersOptions): Promise<Workers> {
  const { folder, target, settings = {}, args = [], env, started } = options;
  const run = startWorkers(folder, ['--listen', '127.0.0.1:0', '--config', configure(folder, settings), ...args], env);
  started?.(run);
  const [, digits] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
  const port = Number(digits);
  const key = await loadTokenKey(join(folder, 'data'));
  const mint = (): Promise<string> => {
    const claims = { user: 'alice', targets: [target.name], audience: 'localhost', id: randomUUID() };
    return mintToken(key, { ...claims, expiresAt: new Date(Date.now() + 60_000) });
  };
  const workers: Workers = {
    port,
    get ca() {
      return readFileSync(join(folder, 'data/ca.pem'), 'utf8');
    },
    run,
    open: async (transport, token) =>
      RawClient.open(workers, { transport, token: token ?? (await mint()), port: target.port }),
  };
  return workers;
}

export type Line = Readonly<Record<string, unknown>>;
/** The log lines so far with this event. */
export function lines({ run }: Workers, event: LogEvent): Line[] {
  const complete = run.stderr().split('\n').slice(0, -1);
  return complete.map((line) => JSON.parse(line) as Line).filter((line) => line.event === event);
}

/** The worker of each session that was opened, in the order of the log. */
export const sessionWorkers = (server: Workers): number[] =>
  lines(server, 'channel.opened').map(({ worker }) => worker as number);

export async function expectEcho(client: RawClient, text = 'ping'): Promise<void> {
  const before = client.receivedBytes;
  client.send(Buffer.from(text));
  const got = await client.waitForBytes(before + text.length);
  expect(got.subarray(before).toString()).toBe(text);
}

/** Opens sessions until each worker has a new one. The kernel chooses the worker that accepts, and not in turn. */
export async function openOnBothWorkers(
  server: Workers,
  transport: TransportKind,
  token?: string,
): Promise<RawClient[]> {
  const before = sessionWorkers(server).length;
  const clients: RawClient[] = [];
  while (new Set(sessionWorkers(server).slice(before)).size < 2) {
    clients.push(...(await Promise.all([1, 2, 3, 4].map(() => server.open(transport, token)))));
    await eventually(() => sessionWorkers(server).length === before + clients.length);
  }
  return clients;
}

/** The process id of a worker, from its start in the log. */
export async function pidOf(server: Workers, worker: number | undefined): Promise<number | undefined> {
  const started = (): Line | undefined => lines(server, 'worker.started').find((line) => line.worker === worker);
  await eventually(() => started() !== undefined);
  return started()?.pid as number;
}
