/** Reloads, counters and the service manager where several processes serve: said to and by the first, and true of all. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { tlsSocket } from '../support/client.js';
import { keepMoving } from '../support/moving.js';
import type { Program } from '../support/program.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';
import {
  configure,
  echoes,
  lines,
  listeningWorkers,
  onBoth,
  owners,
  pidOf,
  type Workers,
  type WorkersOptions,
} from '../support/workers.js';

// Each start is that of three processes, which share a core or two with everything else.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let target: TestTarget;
beforeAll(async () => {
  target = await echoTarget();
});
afterAll(() => target.stop());

let folder: string;
let run: Program | undefined;
const at = (name: string): string => join(folder, name);
const renew = () => ensureCertificates(at('data'), { hosts: ['localhost', '127.0.0.1'], force: true });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-workers-'));
  await renew();
});
afterEach(async () => {
  run?.kill('SIGKILL');
  await run?.code;
  rmSync(folder, { recursive: true, force: true });
});

function listening(settings: object = {}, more: Partial<WorkersOptions> = {}): Promise<Workers> {
  const started = (program: Program): void => {
    run = program;
  };
  return listeningWorkers({ folder, target, settings, started, ...more });
}

/** Sends SIGHUP and waits for the first line behind it with this message. */
async function reload(server: Workers, event: string): Promise<object> {
  const before = lines(server, event).length;
  server.run.kill('SIGHUP');
  await eventually(() => lines(server, event).length > before);
  return lines(server, event)[before] as object;
}

async function replaced(server: Workers, worker: number): Promise<void> {
  const before = lines(server, 'worker started').length;
  process.kill((await pidOf(server, worker)) as number, 'SIGKILL');
  await eventually(() => lines(server, 'worker started').length > before);
}

/** Settings of a custom authenticator, which the test writes, and the word it goes by. */
const module = (word: string) => ({
  auth: { module: { path: 'auth.mjs', options: { word } } },
  targets: { allow: [target.name] },
});

describe('a reload', () => {
  it('of the certificate is seen at every worker, and sessions with moving data go on', async () => {
    const server = await listening();
    const clients = [...(await onBoth(server, 'websocket')), ...(await onBoth(server, 'http'))];
    const stops = clients.map(keepMoving);
    const before = server.ca;
    rmSync(at('data/ca.key'));
    await renew();
    expect(await reload(server, 'reloaded')).toMatchObject({ certificate: 'new' });
    await Promise.all(Array.from({ length: 16 }, () => expect(tlsSocket({ ...server, ca: before })).rejects.toThrow()));
    // By the new certificate alone, until each worker has taken some.
    const others = [...(await onBoth(server, 'websocket')), ...(await onBoth(server, 'http'))];
    const results = await Promise.all(stops.map((stop) => stop()));
    expect(results.filter(({ count, wrong }) => count === 0 || wrong > 0)).toEqual([]);
    for (const client of others) await echoes(client);
    expect(clients.filter(({ closed }) => closed)).toEqual([]);
  });

  it('holds its limits over all workers', async () => {
    const server = await listening();
    const clients = await onBoth(server, 'websocket');
    configure(folder, { limits: { tunnels: clients.length + 1 } });
    await reload(server, 'reloaded');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => server.open('websocket')));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('that one worker cannot take is taken by none', async () => {
    writeFileSync(
      at('auth.mjs'),
      `import cluster from 'node:cluster';
       export default ({ word }) => {
         if (word === 'next' && cluster.worker.id === 2) throw new Error('no');
         return { name: 'custom', authenticate: ({ token }) => ({ allow: token === word, user: 'alice', reason: 'no' }) };
       };`,
    );
    const server = await listening(module('former'));
    const clients = await onBoth(server, 'websocket', 'former');
    configure(folder, { ...module('next'), limits: { tunnels: 1 } });
    const told = await reload(server, 'reload failed, everything stays as it was');
    expect(told).toMatchObject({ code: 'AUTH_MODULE_FAILED', place: expect.stringContaining('auth.mjs') });
    clients.push(...(await onBoth(server, 'websocket', 'former')));
    for (const client of clients) await echoes(client);
    expect(lines(server, 'reloaded')).toEqual([]);
  });

  it('is taken by a worker too that came while the others prepared', async () => {
    writeFileSync(
      at('auth.mjs'),
      `import cluster from 'node:cluster';
       import { existsSync, writeFileSync } from 'node:fs';
       const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
       export default async ({ word }) => {
         const isSlow = word === 'next' && cluster.worker.id === 1;
         if (isSlow) writeFileSync('prepares', '');
         while (isSlow && !existsSync('go')) await sleep(20);
         return { name: 'custom', authenticate: ({ token }) => ({ allow: token === word, user: 'alice', reason: 'no' }) };
       };`,
    );
    const server = await listening(module('former'));
    configure(folder, module('next'));
    server.run.kill('SIGHUP');
    await eventually(() => existsSync(at('prepares')));
    await replaced(server, 2);
    expect(lines(server, 'reloaded')).toEqual([]);
    writeFileSync(at('go'), '');
    await eventually(() => lines(server, 'reloaded').length > 0);
    for (const client of await onBoth(server, 'websocket', 'next')) await echoes(client);
    await Promise.all(Array.from({ length: 8 }, () => expect(server.open('websocket', 'former')).rejects.toThrow()));
    expect(lines(server, 'worker started')).toHaveLength(3);
  });

  it('with a file that is wrong changes nothing, for workers that come later either', async () => {
    const server = await listening();
    const clients = await onBoth(server, 'websocket');
    const authority = server.ca;
    writeFileSync(at('rdgw.json'), '{');
    await reload(server, 'reload failed, everything stays as it was');
    writeFileSync(at('data/server.key'), 'no key');
    await replaced(server, 2);
    expect(server.ca).toBe(authority);
    await onBoth(server, 'websocket');
    const others = clients.filter(({ closed }) => !closed);
    expect(others.length).toBeGreaterThan(0);
    for (const client of others) await echoes(client);
  });

  it('is what workers begin with that come later, but for what needs a restart', async () => {
    const server = await listening();
    configure(folder, {
      listen: 1,
      limits: { tunnels: 1 },
      log: { format: 'json', level: 'debug', keylog: 'keys.txt' },
    });
    rmSync(at('data/ca.key'));
    await renew();
    await reload(server, 'reloaded');
    await replaced(server, 1);
    await replaced(server, 2);
    const client = await server.open('websocket');
    await expect(server.open('websocket')).rejects.toThrow();
    await echoes(client);
    expect(existsSync(at('keys.txt'))).toBe(false);
  });
});

describe('counters', () => {
  it('are those of all workers, and never go backwards when one is gone', async () => {
    const server = await listening({ metrics: { listen: 0 } });
    await eventually(() => lines(server, 'metrics are served').length === 1);
    const url = String(lines(server, 'metrics are served')[0]?.url);
    const read = async (): Promise<Record<string, number>> => {
      const text = await (await fetch(url)).text();
      return Object.fromEntries(
        text
          .split('\n')
          .flatMap((line) => [...line.matchAll(/^(rdgw.+) (\S+)$/g)].map(([, name, value]) => [name, Number(value)])),
      );
    };
    const clients = await onBoth(server, 'websocket');
    for (const client of clients) await echoes(client);
    const before = await read();
    const opened = clients.length;
    expect(before).toMatchObject({
      rdgw_sessions: opened,
      rdgw_sessions_opened_total: opened,
      rdgw_connections: opened,
    });
    expect(before.rdgw_sent_bytes_total).toBe(4 * opened);
    const lost = owners(server).filter((worker) => worker === 1).length;
    await replaced(server, 1);
    expect(await read()).toMatchObject({
      rdgw_sessions: opened - lost,
      rdgw_sessions_opened_total: opened,
      'rdgw_sessions_ended_total{cause="worker crashed"}': lost,
      rdgw_sent_bytes_total: 4 * opened,
    });
    await onBoth(server, 'websocket');
    expect((await read()).rdgw_sessions_opened_total).toBeGreaterThan(opened);
  });
});

describe('the service manager', () => {
  it('hears of one gateway, with the sessions of all workers', async () => {
    const program = at('systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho "$*" >> "$0.said"\n`);
    chmodSync(program, 0o755);
    const said = (): string[] => {
      const file = `${program}.said`;
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    };
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}`, NOTIFY_SOCKET: '/nobody', WATCHDOG_USEC: '400000' };
    const server = await listening({}, { env, args: ['--drain', '0'] });
    const clients = await onBoth(server, 'websocket');
    await eventually(() => said().some((line) => line.includes(`STATUS=sessions: ${clients.length}`)));
    await reload(server, 'reloaded');
    server.run.kill('SIGTERM');
    expect(await server.run.code).toBe(0);
    const all = said();
    const [first = ''] = all;
    // One process speaks, whichever word it is.
    expect(first).toMatch(/^--pid=\d+ READY=1 STATUS=sessions: 0$/);
    expect(new Set(all.map((line) => line.split(' ')[0]))).toEqual(new Set([first.split(' ')[0]]));
    for (const word of ['RELOADING=1', 'STOPPING=1']) expect(all.filter((line) => line.includes(word))).toHaveLength(1);
    expect(all.filter((line) => line.includes('READY=1'))).toHaveLength(2);
    expect(all.some((line) => line.includes('WATCHDOG=1'))).toBe(true);
  });
});
