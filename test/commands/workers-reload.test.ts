/** Reloads, counters and the service manager with several workers: the primary handles them for all workers. */

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { makeTokenKey } from '../../src/certs/token-key.js';
import type { LogEvent } from '../../src/gateway/report/events.js';
import { PKT_TYPE } from '../../src/protocol/index.js';
import { tlsSocket } from '../support/client.js';
import { keepEchoing } from '../support/moving.js';
import type { Program } from '../support/program.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';
import {
  configure,
  expectEcho,
  lines,
  listeningWorkers,
  openOnBothWorkers,
  pidOf,
  sessionWorkers,
  type Workers,
  type WorkersOptions,
} from '../support/workers.js';

// Each test starts three processes, which share one or two cores with other tests.
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

/** Sends SIGHUP and waits for the next line of the log with this event. */
async function reload(server: Workers, event: LogEvent): Promise<object> {
  const before = lines(server, event).length;
  server.run.kill('SIGHUP');
  await eventually(() => lines(server, event).length > before);
  return lines(server, event)[before] as object;
}

async function replaceWorker(server: Workers, worker: number): Promise<void> {
  const before = lines(server, 'worker.started').length;
  process.kill((await pidOf(server, worker)) as number, 'SIGKILL');
  await eventually(() => lines(server, 'worker.started').length > before);
}

/** Settings of a custom authenticator that the test writes, and the word that it gets as an option. */
const module = (word: string) => ({
  auth: { module: { path: 'auth.mjs', options: { word } } },
  targets: { allow: [target.name] },
});

describe('a reload', () => {
  it('changes the certificate of every worker, while sessions go on transferring data', async () => {
    const server = await listening();
    const clients = [...(await openOnBothWorkers(server, 'websocket')), ...(await openOnBothWorkers(server, 'http'))];
    const stops = clients.map(keepEchoing);
    const before = server.ca;
    rmSync(at('data/ca.key'));
    await renew();
    expect(await reload(server, 'reload.completed')).toMatchObject({ certificate: 'new' });
    await Promise.all(Array.from({ length: 16 }, () => expect(tlsSocket({ ...server, ca: before })).rejects.toThrow()));
    // With the new certificate only, until each worker has accepted some.
    const others = [...(await openOnBothWorkers(server, 'websocket')), ...(await openOnBothWorkers(server, 'http'))];
    const results = await Promise.all(stops.map((stop) => stop()));
    expect(results.filter(({ count, wrong }) => count === 0 || wrong > 0)).toEqual([]);
    for (const client of others) await expectEcho(client);
    expect(clients.filter(({ closed }) => closed)).toEqual([]);
  });

  it('applies its limits over all workers', async () => {
    const server = await listening();
    const clients = await openOnBothWorkers(server, 'websocket');
    configure(folder, { limits: { tunnels: clients.length + 1 } });
    await reload(server, 'reload.completed');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => server.open('websocket')));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('with another token key ends the right of every session to open channels, in every worker', async () => {
    const server = await listening();
    const clients = [...(await openOnBothWorkers(server, 'websocket')), ...(await openOnBothWorkers(server, 'http'))];
    await makeTokenKey(at('data'));
    await reload(server, 'reload.completed');
    for (const client of clients) await expectEcho(client);
    const opened = lines(server, 'channel.opened').length;
    for (const client of clients) {
      client.closeChannel();
      await client.until('closed');
      client.createChannel();
      expect(await client.until('refused')).toMatchObject({ packetType: PKT_TYPE.CHANNEL_RESPONSE });
    }
    await eventually(() => lines(server, 'channel.refused').length === clients.length);
    const refused = lines(server, 'channel.refused');
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(
      new Set(['the key of the token is no longer accepted']),
    );
    expect(new Set(refused.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    expect(lines(server, 'channel.opened')).toHaveLength(opened);
  });

  it('ends the sessions in every worker whose right is gone, if the settings say so', async () => {
    const listed = (text: string): void => writeFileSync(at('tokens'), text, { mode: 0o600 });
    const auth = { paa: { mode: 'static', tokensFile: 'tokens' }, whenRevoked: 'end' };
    listed(`alice-token-000001 alice ${target.name}\nbob-token-00000001 bob ${target.name}\n`);
    const server = await listening({ auth });
    const revoked = await openOnBothWorkers(server, 'websocket', 'alice-token-000001');
    const kept = await openOnBothWorkers(server, 'http', 'bob-token-00000001');
    listed(`bob-token-00000001 bob ${target.name}\n`);
    await reload(server, 'reload.completed');
    for (const client of revoked) expect(await client.until('closed')).toMatchObject({ code: 0x4d4 });
    for (const client of kept) await expectEcho(client);
    const ended = lines(server, 'session.revoked');
    expect(ended).toHaveLength(revoked.length);
    expect(new Set(ended.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    for (const line of ended)
      expect(line).toMatchObject({ user: 'alice', reason: 'the token is no longer in the list' });
  });

  it('that one worker cannot prepare is applied by none', async () => {
    writeFileSync(
      at('auth.mjs'),
      `import cluster from 'node:cluster';
       export default ({ word }) => {
         if (word === 'next' && cluster.worker.id === 2) throw new Error('no');
         return { name: 'custom', authenticate: ({ token }) => ({ allow: token === word, user: 'alice', reason: 'no' }) };
       };`,
    );
    const server = await listening(module('former'));
    const clients = await openOnBothWorkers(server, 'websocket', 'former');
    configure(folder, { ...module('next'), limits: { tunnels: 1 } });
    const failed = await reload(server, 'reload.failed');
    expect(failed).toMatchObject({ code: 'AUTH_MODULE_FAILED', place: expect.stringContaining('auth.mjs') });
    clients.push(...(await openOnBothWorkers(server, 'websocket', 'former')));
    for (const client of clients) await expectEcho(client);
    expect(lines(server, 'reload.completed')).toEqual([]);
  });

  it('is also applied by a worker that was started while the others prepared', async () => {
    writeFileSync(
      at('auth.mjs'),
      `import cluster from 'node:cluster';
       import { existsSync, writeFileSync } from 'node:fs';
       const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
       export default async ({ word }) => {
         const isSlow = word === 'next' && cluster.worker.id === 1;
         if (isSlow) writeFileSync('preparing', '');
         while (isSlow && !existsSync('go')) await sleep(20);
         return { name: 'custom', authenticate: ({ token }) => ({ allow: token === word, user: 'alice', reason: 'no' }) };
       };`,
    );
    const server = await listening(module('former'));
    configure(folder, module('next'));
    server.run.kill('SIGHUP');
    await eventually(() => existsSync(at('preparing')));
    await replaceWorker(server, 2);
    expect(lines(server, 'reload.completed')).toEqual([]);
    writeFileSync(at('go'), '');
    await eventually(() => lines(server, 'reload.completed').length > 0);
    for (const client of await openOnBothWorkers(server, 'websocket', 'next')) await expectEcho(client);
    await Promise.all(Array.from({ length: 8 }, () => expect(server.open('websocket', 'former')).rejects.toThrow()));
    expect(lines(server, 'worker.started')).toHaveLength(3);
  });

  it('with an invalid file changes nothing, also for workers that are started later', async () => {
    const server = await listening();
    const clients = await openOnBothWorkers(server, 'websocket');
    const authority = server.ca;
    writeFileSync(at('rdgw.json'), '{');
    await reload(server, 'reload.failed');
    writeFileSync(at('data/server.key'), 'no key');
    await replaceWorker(server, 2);
    expect(server.ca).toBe(authority);
    await openOnBothWorkers(server, 'websocket');
    const others = clients.filter(({ closed }) => !closed);
    expect(others.length).toBeGreaterThan(0);
    for (const client of others) await expectEcho(client);
  });

  it('applies to workers that are started later, except settings that need a restart', async () => {
    const server = await listening();
    configure(folder, {
      listen: 1,
      limits: { tunnels: 1 },
      log: { format: 'json', level: 'debug', keylog: 'keys.txt' },
    });
    rmSync(at('data/ca.key'));
    await renew();
    await reload(server, 'reload.completed');
    await replaceWorker(server, 1);
    await replaceWorker(server, 2);
    const client = await server.open('websocket');
    await expect(server.open('websocket')).rejects.toThrow();
    await expectEcho(client);
    expect(existsSync(at('keys.txt'))).toBe(false);
  });
});

describe('limits.tunnelsPerUser', () => {
  it('counts all workers, and a worker that dies gives back its slots', async () => {
    const server = await listening();
    const clients = await openOnBothWorkers(server, 'websocket');
    const limit = clients.length;
    configure(folder, { limits: { tunnelsPerUser: limit } });
    await reload(server, 'reload.completed');
    await expect(server.open('websocket')).rejects.toThrow();
    await eventually(() => lines(server, 'session.refused').length === 1);
    expect(lines(server, 'session.refused')[0]).toMatchObject({ reason: 'limits.tunnelsPerUser is reached' });
    const lost = sessionWorkers(server).filter((worker) => worker === 1).length;
    await replaceWorker(server, 1);
    const tries = await Promise.allSettled(Array.from({ length: limit + 2 }, () => server.open('websocket')));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(lost);
  });
});

describe('counters', () => {
  it('are the sums of all workers, and do not decrease when one has ended', async () => {
    const server = await listening({ metrics: { listen: 0 } });
    await eventually(() => lines(server, 'metrics.listening').length === 1);
    const url = String(lines(server, 'metrics.listening')[0]?.url);
    const read = async (): Promise<Record<string, number>> => {
      const text = await (await fetch(url)).text();
      return Object.fromEntries(
        text
          .split('\n')
          .flatMap((line) => [...line.matchAll(/^(rdgw.+) (\S+)$/g)].map(([, name, value]) => [name, Number(value)])),
      );
    };
    const clients = await openOnBothWorkers(server, 'websocket');
    for (const client of clients) await expectEcho(client);
    const before = await read();
    const opened = clients.length;
    expect(before).toMatchObject({
      rdgw_sessions: opened,
      rdgw_sessions_opened_total: opened,
      rdgw_connections: opened,
    });
    expect(before.rdgw_sent_bytes_total).toBe(4 * opened);
    const lost = sessionWorkers(server).filter((worker) => worker === 1).length;
    await replaceWorker(server, 1);
    expect(await read()).toMatchObject({
      rdgw_sessions: opened - lost,
      rdgw_sessions_opened_total: opened,
      'rdgw_sessions_ended_total{cause="worker crashed"}': lost,
      rdgw_sent_bytes_total: 4 * opened,
    });
    await openOnBothWorkers(server, 'websocket');
    expect((await read()).rdgw_sessions_opened_total).toBeGreaterThan(opened);
  });
});

describe('the service manager', () => {
  it('gets the status of one gateway, with the sessions of all workers', async () => {
    const program = at('systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho "$*" >> "$0.sent"\n`);
    chmodSync(program, 0o755);
    const sent = (): string[] => {
      const file = `${program}.sent`;
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    };
    const env = {
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      NOTIFY_SOCKET: '/nowhere',
      WATCHDOG_USEC: '400000',
    };
    const server = await listening({}, { env, args: ['--drain', '0'] });
    const clients = await openOnBothWorkers(server, 'websocket');
    await eventually(() => sent().some((line) => line.includes(`STATUS=sessions: ${clients.length}`)));
    await reload(server, 'reload.completed');
    server.run.kill('SIGTERM');
    expect(await server.run.code).toBe(0);
    const all = sent();
    const [first = ''] = all;
    // One process sends all messages, about the same PID.
    expect(first).toMatch(/^--pid=\d+ READY=1 STATUS=sessions: 0$/);
    expect(new Set(all.map((line) => line.split(' ')[0]))).toEqual(new Set([first.split(' ')[0]]));
    for (const text of ['RELOADING=1', 'STOPPING=1']) expect(all.filter((line) => line.includes(text))).toHaveLength(1);
    expect(all.filter((line) => line.includes('READY=1'))).toHaveLength(2);
    expect(all.some((line) => line.includes('WATCHDOG=1'))).toBe(true);
  });
});
