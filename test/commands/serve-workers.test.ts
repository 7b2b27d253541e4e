/** Runs `rdgw serve --workers` as processes. The log tells which worker accepted a connection. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOut, openPipe, type RawClient, rdgHead, request, tlsSocket, upgradeHeaders } from '../support/client.js';
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
  startWorkers,
  type Workers,
} from '../support/workers.js';

// Each test starts three processes, which share one or two cores with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let target: TestTarget;
beforeAll(async () => {
  target = await echoTarget();
});
afterAll(() => target.stop());

let folder: string;
let running: Program[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-workers-'));
  running = [];
});
afterEach(async () => {
  for (const run of running) run.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  rmSync(folder, { recursive: true, force: true });
});

const rdgw = (...args: string[]): Program => {
  const run = startWorkers(folder, args);
  running.push(run);
  return run;
};

const listening = (settings: object = {}, ...args: string[]): Promise<Workers> =>
  listeningWorkers({ folder, target, settings, args, started: (run) => void running.push(run) });

/** Starts a gateway whose custom authenticator never loads. Resolves to the worker that loads it. */
async function startHanging(): Promise<{ readonly run: Program; readonly pid: number }> {
  const module = `import { writeFileSync } from 'node:fs';
    export default () => (writeFileSync('loading', String(process.pid)), new Promise(() => setInterval(() => {}, 1000)));`;
  writeFileSync(join(folder, 'auth.mjs'), module);
  const run = rdgw(
    '--listen',
    '127.0.0.1:0',
    '--config',
    configure(folder, { auth: { module: { path: 'auth.mjs' } } }),
  );
  // The file may exist but still be empty. PID 0 would be the process group of the test.
  const pid = (): number => (existsSync(join(folder, 'loading')) ? Number(readFileSync(join(folder, 'loading'))) : 0);
  await eventually(() => pid() > 0);
  return { run, pid: pid() };
}

describe('rdgw serve --workers 2', () => {
  it('prints the ready message and logs the warnings of the start once', async () => {
    const server = await listening({ auth: { paa: { mode: 'any' } }, targets: { allow: ['127.0.0.1:*'] } });
    await server.run.waitForOutput(/try next/);
    await openOnBothWorkers(server, 'websocket');
    for (const text of [/listens on/g, /first start/g]) expect(server.run.stdout().match(text)).toHaveLength(1);
    expect(server.run.stderr().match(/every token is accepted/g)).toHaveLength(1);
  });

  it('prints the ready object once with --json', async () => {
    const run = rdgw('--listen', '127.0.0.1:0', '--json');
    await run.waitForOutput(/\}/);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(JSON.parse(run.stdout())).toMatchObject({ port: expect.any(Number), ca: join(folder, 'data/ca.pem') });
  });

  it('pairs the channels of a session across workers', async () => {
    const server = await listening();
    const clients: RawClient[] = [];
    while (lines(server, 'channel.forwarded').length === 0) {
      clients.push(...(await Promise.all(Array.from({ length: 6 }, () => server.open('http')))));
    }
    for (const client of clients) await expectEcho(client, 'x'.repeat(100_000));
    for (const client of clients) client.pipe.close();
    await eventually(() => lines(server, 'session.ended').length === clients.length);
    expect(lines(server, 'request.rejected')).toEqual([]);
  });

  it('opens exactly limits.tunnels sessions for simultaneous requests', async () => {
    const server = await listening({ limits: { tunnels: 5 } });
    const statuses = await Promise.all(
      Array.from({ length: 24 }, async () => {
        const head = rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders());
        return (await request(await tlsSocket(server), head)).status;
      }),
    );
    expect(statuses.filter((status) => status === 101)).toHaveLength(5);
    expect(statuses.filter((status) => status === 503)).toHaveLength(19);
  });

  it('accepts limits.handshakes unauthenticated connections over all workers', async () => {
    const server = await listening({ limits: { handshakes: 4 } });
    const sockets = await Promise.allSettled(Array.from({ length: 12 }, () => tlsSocket(server)));
    const open = (): number => sockets.filter((one) => one.status === 'fulfilled' && !one.value.destroyed).length;
    for (const one of sockets) if (one.status === 'fulfilled') one.value.resume();
    await eventually(() => open() <= 4);
    // Which of the two depends on how far the earlier ones have come.
    const limited = (): number =>
      lines(server, 'connection.rejected').length + lines(server, 'connection.evicted').length;
    await eventually(() => limited() > 0);
    for (const one of sockets) if (one.status === 'fulfilled') one.value.destroy();
  });

  it('loses only the sessions of a worker that crashes, logs the crash, and replaces the worker', async () => {
    const server = await listening();
    const clients = await openOnBothWorkers(server, 'websocket');
    const killed = sessionWorkers(server)[0];
    const pid = (await pidOf(server, killed)) as number;
    process.kill(pid, 'SIGKILL');
    await eventually(() => lines(server, 'worker.crashed').length === 1);
    const sessions = sessionWorkers(server).filter((owner) => owner === killed).length;
    expect(lines(server, 'worker.crashed')).toMatchObject([
      { level: 'error', worker: killed, pid, signal: 'SIGKILL', sessions },
    ]);
    await eventually(() => clients.filter(({ closed }) => closed).length === sessions);
    for (const client of clients.filter(({ closed }) => !closed)) await expectEcho(client);
    // Its slots are free at once, not only when its replacement has started.
    await expectEcho(await server.open('websocket'));
    await eventually(() => lines(server, 'worker.started').length === 3);
    expect(lines(server, 'worker.started')[2]).toMatchObject({ worker: killed });
    await expectEcho(await server.open('http'));
  });

  it('drains: 503 for new requests to every worker while sessions go on, 0x4D4 at the end, exit 0, no files left', async () => {
    const server = await listening({}, '--drain', '2');
    const clients = [
      ...(await openOnBothWorkers(server, 'websocket')),
      await server.open('http'),
      await server.open('http'),
    ];
    const { run } = server;
    run.kill('SIGTERM');
    await run.waitForOutput(/draining/);
    for (let count = 0; count < 8; count++) {
      const answer = await request(await tlsSocket(server), ['GET /healthz HTTP/1.1', 'Host: localhost']);
      expect(answer.status).toBe(503);
    }
    for (const client of clients) await expectEcho(client);
    for (const client of clients) expect((await client.until('closed')).code).toBe(0x4d4);
    expect(await run.code).toBe(0);
    expect(lines(server, 'gateway.draining')).toMatchObject([{ sessions: clients.length, signal: 'SIGTERM' }]);
    expect(lines(server, 'gateway.stopped')).toHaveLength(1);
    expect(lines(server, 'worker.crashed')).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(['data', 'rdgw.json']);
  });

  it('exits at once on a second signal, and its workers exit too', async () => {
    const server = await listening();
    await openOnBothWorkers(server, 'websocket');
    const pids = await Promise.all([1, 2].map((worker) => pidOf(server, worker)));
    server.run.kill('SIGINT');
    await server.run.waitForOutput(/draining/);
    server.run.kill('SIGTERM');
    expect(await server.run.code).toBe(143);
    await eventually(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
  });

  it('exits at once on a signal while it starts, and leaves no process or file', async () => {
    const { run, pid } = await startHanging();
    run.kill('SIGTERM');
    expect(await run.code).toBe(143);
    await eventually(() => !existsSync(`/proc/${pid}`));
    expect(readdirSync(folder).filter((name) => name.startsWith('rdgw-'))).toEqual([]);
  });

  it('ends its workers when the primary is killed', async () => {
    const server = await listening();
    const pids = await Promise.all([1, 2].map((worker) => pidOf(server, worker)));
    server.run.kill('SIGKILL');
    await eventually(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
  });

  it('rejects other OUT channels with the id of a waiting one, and ends it with its IN channel', async () => {
    const server = await listening();
    const id = randomUUID();
    const out = await openOut(await tlsSocket(server), id);
    for (let count = 0; count < 8; count++) {
      expect((await request(await tlsSocket(server), rdgHead('RDG_OUT_DATA', id))).status).toBe(409);
    }
    const body = rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']);
    const sockets = await Promise.all(Array.from({ length: 8 }, () => tlsSocket(server)));
    const statuses: number[] = [];
    // Simultaneously, so that both workers accept some. The one that joins the OUT channel gets no answer yet.
    for (const socket of sockets) {
      void request(socket, body).then(
        ({ status }) => statuses.push(status),
        () => undefined,
      );
    }
    await eventually(() => statuses.length === 7);
    expect(statuses).toEqual(Array(7).fill(409));
    for (const socket of sockets) socket.destroy();
    out.socket.resume();
    await once(out.socket, 'close');
    (await openPipe(server, { transport: 'http', connectionId: id })).close();
  });
});

describe('rdgw serve --workers 2 fails, and prints the error once', () => {
  const expectFailure = async (run: Program, code: number, pattern: RegExp) => {
    expect(await run.code).toBe(code);
    expect(run.stderr()).toMatch(pattern);
    expect(run.stderr().match(/^error:/gm)).toHaveLength(1);
    expect(run.stderr().trimEnd().split('\n')).toHaveLength(2);
  };

  it('with 5 where the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expectFailure(rdgw('--listen', `127.0.0.1:${port}`), 5, /port is in use/);
    other.close();
  });

  it('with 4 where the certificate cannot be read', async () => {
    await expectFailure(rdgw('--cert', 'no.pem', '--key', 'no.key'), 4, /no\.pem/);
  });

  it('with 5 where a worker is killed before it listens', async () => {
    const { run, pid } = await startHanging();
    process.kill(pid, 'SIGKILL');
    await expectFailure(run, 5, /a worker ended before it listened \(SIGKILL\)/);
  });

  it('with 2 for an invalid number of workers', async () => {
    await expectFailure(rdgw('--workers', '0'), 2, /--workers/);
  });
});
