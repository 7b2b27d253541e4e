/** `rdgw serve --workers 2` as processes. What a connection landed on is known from the log. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadTokenKey } from '../../src/certs/token-key.js';
import { mintToken } from '../../src/policy/token.js';
import { RawClient, type Server, type TransportKind } from './client.js';
import { type Program, startRdgw } from './program.js';
import { eventually } from './wait.js';

/** Local sockets and everything else go into the folder of the test. */
export function startWorkers(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const places = { HOME: folder, TMPDIR: folder, RDGW_DATA_DIR: join(folder, 'data') };
  return startRdgw(['serve', '--workers', '2', ...args], { cwd: folder, env: { ...places, ...env } });
}

export interface Workers extends Server {
  readonly run: Program;
  /** A client whose channel to this target is open, by the certificate of this moment. */
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

/** Writes the settings, which each start and each reload reads. */
export function configure(folder: string, settings: object): string {
  const config = join(folder, 'rdgw.json');
  writeFileSync(config, JSON.stringify({ log: { format: 'json', level: 'debug' }, ...settings }));
  return config;
}

export async function listeningWorkers(options: WorkersOptions): Promise<Workers> {
  const { folder, target, settings = {}, args = [], env, started } = options;
  const run = startWorkers(folder, ['--listen', '127.0.0.1:0', '--config', configure(folder, settings), ...args], env);
  started?.(run);
  const [, digits] = await run.says(/listens on https:\/\/\S+:(\d+)/);
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
/** Lines of the log with this message, so far. */
export function lines({ run }: Workers, event: string): Line[] {
  const whole = run.stderr().split('\n').slice(0, -1);
  return whole.map((line) => JSON.parse(line) as Line).filter(({ msg }) => msg === event);
}

/** Which worker has how many sessions. */
export const owners = (server: Workers): number[] =>
  lines(server, 'channel opened').map(({ worker }) => worker as number);

export async function echoes(client: RawClient, text = 'ping'): Promise<void> {
  const before = client.receivedBytes;
  client.send(Buffer.from(text));
  const got = await client.gets(before + text.length);
  expect(got.subarray(before).toString()).toBe(text);
}

/** Opens sessions until each worker has a new one. The system chooses who accepts, and one that waits longer is not sooner chosen. */
export async function onBoth(server: Workers, transport: TransportKind, token?: string): Promise<RawClient[]> {
  const before = owners(server).length;
  const clients: RawClient[] = [];
  while (new Set(owners(server).slice(before)).size < 2) {
    clients.push(...(await Promise.all([1, 2, 3, 4].map(() => server.open(transport, token)))));
    await eventually(() => owners(server).length === before + clients.length);
  }
  return clients;
}

/** The log names the process of a worker when it starts. */
export async function pidOf(server: Workers, worker: number | undefined): Promise<number | undefined> {
  const started = (): Line | undefined => lines(server, 'worker started').find((line) => line.worker === worker);
  await eventually(() => started() !== undefined);
  return started()?.pid as number;
}
