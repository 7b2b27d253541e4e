/** What a machine does to a gateway: no descriptors left, a full disk, a clock that is stepped, a resolver that says nothing, a process that is killed. */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import type { LogLine } from '../lab/gateway.js';
import { type Lab, openLab } from '../lab/lab.js';
import { runProgram } from '../lab/program.js';
import { until } from '../lab/until.js';
import { RawClient, tlsSocket } from '../support/client.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { record, round } from './figures.js';
import { expectMoving, expectServing, type SoakGateway, startSoakGateway } from './gateway.js';
import { FAKETIME, itNeeds, LACKS } from './machine.js';
import { layCable, silentResolver } from './network.js';
import { openFiles } from './process.js';

const LIMIT_MS = 60_000;
const SEEN_LIMIT_MS = 15_000;

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

const messages = (gateway: SoakGateway): string[] => gateway.log().map(({ msg }) => msg);

describe('file descriptors', () => {
  itNeeds(LACKS.limits, 'that are few mean few clients, and the next one hears of it', LIMIT_MS, async () => {
    const gateway = await startSoakGateway(lab, { through: ['prlimit', '--nofile=256:256'] });
    const crowd: TLSSocket[] = [];
    while (!messages(gateway).includes('connections turned away')) crowd.push(await tlsSocket(gateway));
    const [line] = gateway.log().filter(({ msg }) => msg === 'connections turned away');
    expect(line).toMatchObject({ reason: 'limits.connections' });
    for (const socket of crowd) socket.destroy();
  });

  /** What the gateway needs for itself, and for a dozen of sessions. */
  const FILES = 64;
  const LATE = 6;

  itNeeds(LACKS.limits, 'that are exhausted end no session, and it serves again after', LIMIT_MS, async () => {
    const gateway = await startSoakGateway(lab);
    await runProgram('prlimit', [`--nofile=${FILES}:${FILES}`, '--pid', `${gateway.pid}`]);
    const before = openFiles(gateway.pid);
    const working = await gateway.client(echo);
    const crowd: TLSSocket[] = [];
    while (openFiles(gateway.pid) < FILES - 1) crowd.push(await tlsSocket(gateway));
    // The last descriptor goes to a client for whose target none is left; those behind it are not even accepted until it has gone.
    const late = Array.from({ length: LATE }, () => gateway.client(echo).catch(() => undefined));
    const lucky = (await Promise.all(late)).filter((client) => client !== undefined);
    expect(lucky.length).toBeLessThan(LATE);
    const refused = gateway.log().filter(({ msg }) => msg === 'target refused');
    expect(refused.map(({ reason }) => reason)).toContain('127.0.0.1: EMFILE');
    for (const client of lucky) client.pipe.close();
    await expectMoving(working);
    for (const socket of crowd) socket.destroy();
    await until('the crowd to be gone', SEEN_LIMIT_MS, () => openFiles(gateway.pid) < FILES / 2 + before);
    await expectMoving(working);
    working.pipe.close();
    await expectServing(gateway, echo);
    await gateway.settles(before);
  });
});

describe('a full disk', () => {
  const DISK_KIB = 16;

  itNeeds(
    LACKS.tmpfs,
    'under the log and the key log ends no session, and the log goes on after',
    LIMIT_MS,
    async () => {
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
      await expectMoving(working);
      expect(statSync(gateway.logFile).size - full).toBeLessThan(PAGE);
      await runProgram('truncate', ['--size=0', filler, join(disk, 'keys')]);
      const lines = gateway.log().length;
      await expectServing(gateway, echo);
      await until('the log to go on', SEEN_LIMIT_MS, () => gateway.log().length > lines);
      working.pipe.close();
    },
  );

  /** What is left in the last page of a file that was being written. */
  const PAGE = 4096;
});

describe('a clock', () => {
  const HOUR_S = 3600;

  itNeeds(LACKS.faketime, 'that is stepped ends no session; tokens are judged by the new time', LIMIT_MS, async () => {
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
    const comes = async (): Promise<boolean> => {
      const client = await RawClient.start(gateway, { transport: 'websocket', token, port: echo.port });
      await client.when(() => client.closed || client.effects.some((effect) => effect.do === 'opened'));
      client.pipe.close();
      return client.effects.some((effect) => effect.do === 'opened');
    };
    expect(await comes()).toBe(true);
    for (const [seconds, welcome] of [
      [HOUR_S, false],
      [-HOUR_S, true],
      [0, true],
    ] as const) {
      step(seconds);
      expect([seconds, await comes()]).toEqual([seconds, welcome]);
      await expectMoving(working);
    }
    // Timers go by the other clock: the next keep-alive comes in its time, and the desktop is still there.
    step(-HOUR_S);
    const alive = (): number => working.pieces.length;
    const heard = alive();
    await until('a keep-alive', SEEN_LIMIT_MS, () => alive() > heard);
    await expectMoving(working);
    working.pipe.close();
  });
});

describe('a resolver that says nothing', () => {
  const lacks = LACKS.network ?? LACKS.mounts;
  /** More than there are threads for them. */
  const LOOKUPS = 8;

  itNeeds(lacks, 'is given up at the deadline, and others come in meanwhile', LIMIT_MS, async () => {
    const { through, questions } = await silentResolver(lab);
    const gateway = await startSoakGateway(lab, { through, env: { RDGW_TIMEOUTS_DECISION: '6' } });
    const lost = await Promise.all(
      Array.from({ length: LOOKUPS }, async (_, index) => {
        const host = `host-${index}.example`;
        const token = await gateway.token(`${host}:${echo.port}`);
        return RawClient.start(gateway, { transport: 'websocket', token, port: echo.port, resources: [host] });
      }),
    );
    await until('a question', SEEN_LIMIT_MS, () => questions() > 0);
    // Signatures are checked in the same pool of threads as names are looked up.
    await expectServing(gateway, echo);
    // In /etc/hosts: known at once, as long as nobody is ahead of it in the queue of the threads.
    const token = await gateway.token(`localhost:${echo.port}`);
    const quick = await RawClient.open(gateway, {
      transport: 'websocket',
      token,
      port: echo.port,
      resources: ['localhost'],
    });
    expect(lost.some((client) => client.closed)).toBe(false);
    quick.pipe.close();
    await Promise.all(lost.map((client) => client.ended()));
    expect(messages(gateway).filter((msg) => msg === 'target refused')).toHaveLength(LOOKUPS);
    await expectServing(gateway, echo);
  });
});

describe('a network that swallows everything', () => {
  /** TCP asks after 30 s of silence, ten times in ten seconds. */
  const NOTICED_MS = 60_000;
  /** A delayed acknowledgement is sent by then. */
  const ACKNOWLEDGED_MS = 500;
  const SIDES = ['client', 'target'] as const;

  itNeeds(LACKS.network, 'is noticed by TCP, towards client and target', 2 * NOTICED_MS, async () => {
    // A keep-alive of the protocol would be under way, and TCP asks nothing while something is.
    const env = { RDGW_TIMEOUTS_KEEP_ALIVE: '900' };
    const gateway = await startSoakGateway(lab, { through: ['unshare', '--net'], env, listen: '0.0.0.0:0' });
    // Both at once, since each waits for most of a minute.
    await Promise.all(SIDES.map((side) => cutAndWait(gateway, side)));
  });

  async function cutAndWait(gateway: SoakGateway, side: (typeof SIDES)[number]): Promise<void> {
    const cables = { client: await layCable(gateway.pid), target: await layCable(gateway.pid) };
    const { here } = cables.target;
    const target = await echoTarget(here);
    const client = await RawClient.open(
      { host: cables.client.there, port: gateway.port, ca: gateway.ca },
      { transport: 'websocket', token: await gateway.token(target.name, side), port: target.port, resources: [here] },
    );
    await expectMoving(client);
    await sleep(ACKNOWLEDGED_MS);
    await cables[side].cut();
    const start = performance.now();
    const ended = (): boolean => gateway.log().some(({ msg, user }) => msg === 'session ended' && user === side);
    await until(`the session without its ${side} to end`, NOTICED_MS, ended);
    record('half-open connections', { [`noticed at the ${side}, s`]: round((performance.now() - start) / 1000) });
    client.pipe.close();
    await target.stop();
  }
});

describe('a reload of several workers', () => {
  /** An authenticator has half a minute to come. */
  const GIVEN_UP_MS = 60_000;

  itNeeds(
    undefined,
    'whose authenticator never comes is taken by none, and ends no session',
    3 * GIVEN_UP_MS,
    async () => {
      const stuck = join(lab.folder, 'stuck');
      const module = join(lab.folder, 'authenticator.mjs');
      writeFileSync(
        module,
        `import { existsSync } from 'node:fs';
       export default () => existsSync(${JSON.stringify(stuck)})
         ? new Promise(() => setInterval(() => undefined, 1000))
         : { name: 'own', authenticate: async () => ({ allow: true, user: 'anybody' }) };`,
      );
      const config = join(lab.folder, 'stuck.json');
      writeFileSync(config, JSON.stringify({ auth: { module }, targets: { allow: [`127.0.0.1:${echo.port}`] } }));
      const gateway = await startSoakGateway(lab, { flags: ['--workers', '2', '--config', config] });
      const client = await gateway.client(echo);
      writeFileSync(stuck, '');
      process.kill(gateway.pid, 'SIGHUP');
      const failed = 'reload failed, everything stays as it was';
      await until('it to be given up', GIVEN_UP_MS, () => messages(gateway).includes(failed));
      await expectMoving(client);
      await expectServing(gateway, echo);
      expect(messages(gateway).filter((msg) => msg === 'worker crashed' || msg === 'reloaded')).toEqual([]);
      rmSync(stuck);
      process.kill(gateway.pid, 'SIGHUP');
      await until('the next one to be taken', SEEN_LIMIT_MS, () => messages(gateway).includes('reloaded'));
      await expectMoving(client);
      client.pipe.close();
    },
  );
});

describe('a worker', () => {
  /** Three signs of life that it misses, the last of them given up. */
  const NOTICED_MS = 60_000;

  itNeeds(undefined, 'that hangs is noticed, and another takes its place', 2 * NOTICED_MS, async () => {
    const gateway = await startSoakGateway(lab, { flags: ['--workers', '2'] });
    const lines = (event: string): LogLine[] => gateway.log().filter(({ msg }) => msg === event);
    const [victim] = lines('worker started');
    process.kill(Number(victim?.pid), 'SIGSTOP');
    await until('it to be noticed', NOTICED_MS, () => lines('worker hangs and is replaced').length > 0);
    await until('another one', SEEN_LIMIT_MS, () => lines('worker started').length === 3);
    await expectServing(gateway, echo);
  });

  itNeeds(undefined, 'that is killed takes its own sessions along, and another takes its place', LIMIT_MS, async () => {
    const gateway = await startSoakGateway(lab, { flags: ['--workers', '2'] });
    const lines = (event: string): LogLine[] => gateway.log().filter(({ msg }) => msg === event);
    const ownerOf = (user: string): unknown => lines('channel opened').find((line) => line.user === user)?.worker;
    const sessions: { readonly client: RawClient; readonly owner: unknown }[] = [];
    while (new Set(sessions.map(({ owner }) => owner)).size < 2) {
      const user = `user-${sessions.length}`;
      const client = await gateway.client(echo, { user });
      sessions.push({ client, owner: await until('the log to name its worker', SEEN_LIMIT_MS, () => ownerOf(user)) });
    }
    const [{ owner } = { owner: undefined }] = sessions;
    const lost = sessions.filter((session) => session.owner === owner);
    const others = sessions.filter((session) => session.owner !== owner);
    const worker = lines('worker started').find((line) => line.worker === owner);
    process.kill(Number(worker?.pid), 'SIGKILL');
    const start = performance.now();
    await Promise.all(lost.map(({ client }) => client.ended()));
    await until('the crash to be reported', SEEN_LIMIT_MS, () => lines('worker crashed').length > 0);
    expect(lines('worker crashed')).toMatchObject([{ worker: owner, signal: 'SIGKILL', sessions: lost.length }]);
    // At once, not only when there is another one.
    await expectServing(gateway, echo);
    await until('another one', SEEN_LIMIT_MS, () => lines('worker started').length === 3);
    record('a worker that was killed', { 'another listens, s': round((performance.now() - start) / 1000) });
    const behind = gateway.log().length;
    const served = (): boolean =>
      gateway
        .log()
        .slice(behind)
        .some((line) => line.msg === 'channel opened' && line.worker === owner);
    while (!served()) await expectServing(gateway, echo);
    for (const { client } of others) {
      await expectMoving(client);
      client.pipe.close();
    }
  });
});
