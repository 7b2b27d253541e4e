/**
 * Faults of the machine: exhausted file descriptors, a full disk, a stepped clock, a DNS server that does not answer, a
 * network that loses all packets, processes that hang or are killed.
 */

import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import type { LogEvent } from '../../src/gateway/report/events.js';
import type { LogLine } from '../lab/gateway.js';
import { type Lab, openLab } from '../lab/lab.js';
import { runProgram } from '../lab/program.js';
import { until } from '../lab/until.js';
import { RawClient, tlsSocket } from '../support/client.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { record, round } from './figures.js';
import { expectServing, expectSessionWorks, type SoakGateway, startSoakGateway } from './gateway.js';
import { FAKETIME, itUnless, UNAVAILABLE } from './machine.js';
import { addLink, silentResolver } from './network.js';
import { openFiles } from './process.js';

const LIMIT_MS = 60_000;
const NOTICE_LIMIT_MS = 15_000;

let lab: Lab;
let echo: TestTarget;

beforeAll(async () => {
  lab = await openLab('soak-machine');
});

afterAll(() => lab?.close());

beforeEach(async () => {
  echo = await echoTarget();
});

afterEach(() => echo.stop());

const events = (gateway: SoakGateway): string[] => gateway.log().map(({ event }) => event);

describe('file descriptors', () => {
  itUnless(
    UNAVAILABLE.limits,
    'limit the number of clients, and idle ones are ended for further ones',
    LIMIT_MS,
    async () => {
      const gateway = await startSoakGateway(lab, { wrapper: ['prlimit', '--nofile=256:256'] });
      const clients: TLSSocket[] = [];
      // None is ended for another one until it has been idle for a second; until then further ones are rejected.
      while (!events(gateway).includes('connection.evicted')) {
        const socket = await tlsSocket(gateway).catch(() => undefined);
        if (socket === undefined) await sleep(100);
        else clients.push(socket);
      }
      const [line] = gateway.log().filter(({ event }) => event === 'connection.evicted');
      expect(line).toMatchObject({ reason: 'limits.connections' });
      for (const socket of clients) socket.destroy();
    },
  );

  /** Enough for the gateway itself and a dozen sessions. */
  const FILES = 64;
  const LATE_CLIENTS = 6;

  itUnless(UNAVAILABLE.limits, 'may be exhausted without an effect on open sessions', LIMIT_MS, async () => {
    const gateway = await startSoakGateway(lab);
    await runProgram('prlimit', [`--nofile=${FILES}:${FILES}`, '--pid', `${gateway.pid}`]);
    const before = openFiles(gateway.pid);
    const working = await gateway.client(echo);
    const clients: TLSSocket[] = [];
    while (openFiles(gateway.pid) < FILES - 1) clients.push(await tlsSocket(gateway));
    // The last descriptor is used for a client, and none is left for its target. Later clients are not accepted until
    // it has closed.
    const late = Array.from({ length: LATE_CLIENTS }, () => gateway.client(echo).catch(() => undefined));
    const accepted = (await Promise.all(late)).filter((client) => client !== undefined);
    expect(accepted.length).toBeLessThan(LATE_CLIENTS);
    await until('the reason in the log', NOTICE_LIMIT_MS, () =>
      gateway.log().some(({ event, reason }) => event === 'channel.refused' && reason === '127.0.0.1: EMFILE'),
    );
    for (const client of accepted) client.pipe.close();
    await expectSessionWorks(working);
    for (const socket of clients) socket.destroy();
    await until('connections to close', NOTICE_LIMIT_MS, () => openFiles(gateway.pid) < FILES / 2 + before);
    await expectSessionWorks(working);
    working.pipe.close();
    await expectServing(gateway, echo);
    await gateway.waitForFiles(before);
  });
});

describe('a full disk', () => {
  const DISK_KIB = 16;

  itUnless(UNAVAILABLE.tmpfs, 'for the logs does not affect sessions', LIMIT_MS, async () => {
    const disk = join(lab.folder, 'disk');
    mkdirSync(disk);
    await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${DISK_KIB}k`, 'none', disk]);
    lab.onClose(() => runProgram('umount', ['--lazy', disk]).then(() => undefined));
    const filler = join(disk, 'filler');
    const flags = ['--keylog', join(disk, 'keys')];
    const gateway = await startSoakGateway(lab, { logFile: join(disk, 'log'), flags });
    const working = await gateway.client(echo);
    await runProgram('sh', ['-c', `dd if=/dev/zero of=${filler} bs=1k 2>/dev/null; true`]);
    const full = statSync(gateway.logFile).size;
    for (let round = 0; round < 10; round++) await expectServing(gateway, echo);
    await expectSessionWorks(working);
    expect(statSync(gateway.logFile).size - full).toBeLessThan(PAGE);
    await runProgram('truncate', ['--size=0', filler, join(disk, 'keys')]);
    const lines = gateway.log().length;
    await expectServing(gateway, echo);
    await until('new log lines', NOTICE_LIMIT_MS, () => gateway.log().length > lines);
    working.pipe.close();
  });

  /** The unused part of the last page of the file can still be written. */
  const PAGE = 4096;
});

describe('a clock', () => {
  const HOUR_S = 3600;

  itUnless(UNAVAILABLE.faketime, 'that is stepped affects tokens, but no open sessions', LIMIT_MS, async () => {
    const rc = join(lab.folder, 'faketimerc');
    const step = (seconds: number): void => writeFileSync(rc, `${seconds < 0 ? '' : '+'}${seconds}`);
    step(0);
    const env = {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: rc,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      RDGW_TIMEOUTS_KEEP_ALIVE: '5',
    };
    const gateway = await startSoakGateway(lab, { env });
    const working = await gateway.client(echo);
    const inOneMinute = new Date(Date.now() + 60_000);
    const token = await gateway.token(echo.name, 'soak', inOneMinute);
    const opens = async (): Promise<boolean> => {
      const client = await RawClient.start(gateway, { transport: 'websocket', token, port: echo.port });
      await client.when(() => client.closed || client.effects.some((effect) => effect.do === 'opened'));
      client.pipe.close();
      return client.effects.some((effect) => effect.do === 'opened');
    };
    expect(await opens()).toBe(true);
    for (const [seconds, accepted] of [
      [HOUR_S, false],
      [-HOUR_S, true],
      [0, true],
    ] as const) {
      step(seconds);
      expect([seconds, await opens()]).toEqual([seconds, accepted]);
      await expectSessionWorks(working);
    }
    // Timers use the monotonic clock, so the next keep-alive is sent on time.
    step(-HOUR_S);
    const before = working.pieces.length;
    await until('a keep-alive', NOTICE_LIMIT_MS, () => working.pieces.length > before);
    await expectSessionWorks(working);
    working.pipe.close();
  });
});

describe('a DNS server that does not answer', () => {
  const reason = UNAVAILABLE.network ?? UNAVAILABLE.mounts;
  /** More lookups than libuv has threads. */
  const LOOKUPS = 8;

  itUnless(reason, 'delays only its own clients, until the deadline', LIMIT_MS, async () => {
    const { wrapper, queries } = await silentResolver(lab);
    const gateway = await startSoakGateway(lab, { wrapper, env: { RDGW_TIMEOUTS_DECISION: '6' } });
    const waiting = await Promise.all(
      Array.from({ length: LOOKUPS }, async (_, index) => {
        const host = `host-${index}.example`;
        const token = await gateway.token(`${host}:${echo.port}`);
        return RawClient.start(gateway, { transport: 'websocket', token, port: echo.port, resources: [host] });
      }),
    );
    await until('a DNS query', NOTICE_LIMIT_MS, () => queries() > 0);
    // Signatures are verified in the same thread pool in which names are resolved.
    await expectServing(gateway, echo);
    // The name is in /etc/hosts, so it resolves at once unless it waits for a thread behind the lookups of the other user.
    const token = await gateway.token(`localhost:${echo.port}`, 'another user');
    const quick = await RawClient.open(gateway, {
      transport: 'websocket',
      token,
      port: echo.port,
      resources: ['localhost'],
    });
    expect(waiting.some((client) => client.closed)).toBe(false);
    quick.pipe.close();
    await Promise.all(waiting.map((client) => client.ended()));
    const refused = (): number => events(gateway).filter((event) => event === 'channel.refused').length;
    await until('a line for each refused channel', NOTICE_LIMIT_MS, () => refused() >= LOOKUPS);
    expect(refused()).toBe(LOOKUPS);
    await expectServing(gateway, echo);
  });
});

describe('a network that loses all packets', () => {
  /** TCP keep-alive sends ten probes, one per second, after 30 s without traffic. */
  const NOTICED_MS = 60_000;
  /** Longer than the delay of a delayed acknowledgement. */
  const ACKNOWLEDGED_MS = 500;
  const SIDES = ['client', 'target'] as const;

  itUnless(UNAVAILABLE.network, 'is detected by TCP keep-alive on both sides', 2 * NOTICED_MS, async () => {
    // TCP sends no keep-alive probes while data is unacknowledged, such as a keep-alive of the protocol.
    const env = { RDGW_TIMEOUTS_KEEP_ALIVE: '900' };
    const gateway = await startSoakGateway(lab, { wrapper: ['unshare', '--net'], env, listen: '0.0.0.0:0' });
    // Both run concurrently, because each takes most of a minute.
    await Promise.all(SIDES.map((side) => cutAndWait(gateway, side)));
  });

  async function cutAndWait(gateway: SoakGateway, side: (typeof SIDES)[number]): Promise<void> {
    const links = { client: await addLink(gateway.pid), target: await addLink(gateway.pid) };
    const { localAddress } = links.target;
    const target = await echoTarget(localAddress);
    const client = await RawClient.open(
      { host: links.client.remoteAddress, port: gateway.port, ca: gateway.ca },
      {
        transport: 'websocket',
        token: await gateway.token(target.name, side),
        port: target.port,
        resources: [localAddress],
      },
    );
    await expectSessionWorks(client);
    await sleep(ACKNOWLEDGED_MS);
    await links[side].cut();
    const start = performance.now();
    const ended = (): boolean => gateway.log().some(({ event, user }) => event === 'session.ended' && user === side);
    await until(`the session without its ${side} to end`, NOTICED_MS, ended);
    record('half-open connections', { [`noticed at the ${side}, s`]: round((performance.now() - start) / 1000) });
    client.pipe.close();
    await target.stop();
  }
});

describe('a reload of several workers', () => {
  /** Loading an authenticator has a timeout of 30 s. */
  const TIMED_OUT_MS = 60_000;

  itUnless(undefined, 'fails in all of them if the authenticator does not load', 3 * TIMED_OUT_MS, async () => {
    const stuck = join(lab.folder, 'stuck');
    const module = join(lab.folder, 'authenticator.mjs');
    writeFileSync(
      module,
      `import { existsSync } from 'node:fs';
       export default () => existsSync(${JSON.stringify(stuck)})
         ? new Promise(() => setInterval(() => undefined, 1000))
         : { name: 'own', authenticate: async () => ({ allow: true, user: 'alice' }) };`,
    );
    const config = join(lab.folder, 'stuck.json');
    writeFileSync(config, JSON.stringify({ auth: { module }, targets: { allow: [`127.0.0.1:${echo.port}`] } }));
    const gateway = await startSoakGateway(lab, { flags: ['--workers', '2', '--config', config] });
    const client = await gateway.client(echo);
    writeFileSync(stuck, '');
    process.kill(gateway.pid, 'SIGHUP');
    const failed = 'reload.failed';
    await until('the reload to fail', TIMED_OUT_MS, () => events(gateway).includes(failed));
    await expectSessionWorks(client);
    await expectServing(gateway, echo);
    expect(events(gateway).filter((event) => event === 'worker.crashed' || event === 'reload.completed')).toEqual([]);
    rmSync(stuck);
    process.kill(gateway.pid, 'SIGHUP');
    await until('the next reload to complete', NOTICE_LIMIT_MS, () => events(gateway).includes('reload.completed'));
    await expectSessionWorks(client);
    client.pipe.close();
  });
});

describe('a worker', () => {
  /** The time in which three heartbeats are missed. */
  const NOTICED_MS = 60_000;

  itUnless(undefined, 'that hangs is replaced', 2 * NOTICED_MS, async () => {
    const gateway = await startSoakGateway(lab, { flags: ['--workers', '2'] });
    const lines = (event: LogEvent): LogLine[] => gateway.log().filter((line) => line.event === event);
    const [first] = lines('worker.started');
    process.kill(Number(first?.pid), 'SIGSTOP');
    await until('the hang to be detected', NOTICED_MS, () => lines('worker.unresponsive').length > 0);
    await until('another worker', NOTICE_LIMIT_MS, () => lines('worker.started').length === 3);
    await expectServing(gateway, echo);
  });

  itUnless(undefined, 'that is killed loses only its own sessions and is replaced', LIMIT_MS, async () => {
    const gateway = await startSoakGateway(lab, { flags: ['--workers', '2'] });
    const lines = (event: LogEvent): LogLine[] => gateway.log().filter((line) => line.event === event);
    const workerOf = (user: string): unknown => lines('channel.opened').find((line) => line.user === user)?.worker;
    const sessions: { readonly client: RawClient; readonly worker: unknown }[] = [];
    while (new Set(sessions.map(({ worker }) => worker)).size < 2) {
      const user = `user-${sessions.length}`;
      const client = await gateway.client(echo, { user });
      sessions.push({ client, worker: await until('its worker in the log', NOTICE_LIMIT_MS, () => workerOf(user)) });
    }
    const [{ worker } = { worker: undefined }] = sessions;
    const lost = sessions.filter((session) => session.worker === worker);
    const others = sessions.filter((session) => session.worker !== worker);
    const started = lines('worker.started').find((line) => line.worker === worker);
    process.kill(Number(started?.pid), 'SIGKILL');
    const start = performance.now();
    await Promise.all(lost.map(({ client }) => client.ended()));
    await until('the crash to be reported', NOTICE_LIMIT_MS, () => lines('worker.crashed').length > 0);
    expect(lines('worker.crashed')).toMatchObject([{ worker, signal: 'SIGKILL', sessions: lost.length }]);
    // The other worker serves new sessions before a replacement has started.
    await expectServing(gateway, echo);
    await until('another worker', NOTICE_LIMIT_MS, () => lines('worker.started').length === 3);
    record('a killed worker', { 'replacement listens, s': round((performance.now() - start) / 1000) });
    const linesBefore = gateway.log().length;
    const served = (): boolean =>
      gateway
        .log()
        .slice(linesBefore)
        .some((line) => line.event === 'channel.opened' && line.worker === worker);
    while (!served()) await expectServing(gateway, echo);
    for (const { client } of others) {
      await expectSessionWorks(client);
      client.pipe.close();
    }
  });
});
