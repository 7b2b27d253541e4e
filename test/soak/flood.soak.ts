/**
 * Log-ons beside floods of connections without an identity. Every log-on must succeed and every health check must be
 * answered with 200; times, CPU and the delay of the event loop are recorded, but not asserted.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { freePort } from '../lab/port.js';
import { request, TRANSPORTS, tlsSocket } from '../support/client.js';
import { FLOODS, type Flood, type FloodOptions, startFlood } from '../support/flood.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { type FigureRow, record, round } from './figures.js';
import { expectSessionWorks, type SoakGateway, startSoakGateway } from './gateway.js';
import { FLOOD_CONNECTIONS, RENEWAL_SECONDS, RENEWALS_PER_SECOND } from './plan.js';

const LOG_ONS = 20;
/** A flood from a few addresses, and one where hardly any address has two connections. */
const ADDRESSES = [2, 10_000];
const LIMIT_MS = 180_000;
/** Clock ticks of Linux in a second, as in /proc. */
const TICKS = 100;

let lab: Lab;
let gateway: SoakGateway;
let echo: TestTarget;
let metricsPort: number;
let flood: Flood | undefined;

beforeAll(async () => {
  lab = await openLab('soak-floods');
  metricsPort = await freePort();
  gateway = await startSoakGateway(lab, { env: { RDGW_METRICS_LISTEN: `${metricsPort}` } });
  echo = await echoTarget();
});

afterAll(async () => {
  await echo?.stop();
  await lab?.close();
});

afterEach(async () => {
  await flood?.stop();
  flood = undefined;
});

/** Opens a session, sends something through it, closes it, and returns the time to the first echo in milliseconds. */
async function logOn(index: number, to = gateway): Promise<number> {
  const started = performance.now();
  const client = await to.client(echo, { transport: TRANSPORTS[index % TRANSPORTS.length] ?? 'http', user: 'flood' });
  await expectSessionWorks(client);
  const ms = performance.now() - started;
  client.pipe.close();
  return ms;
}

async function health(): Promise<number> {
  const socket = await tlsSocket(gateway);
  const { status } = await request(socket, ['GET /healthz HTTP/1.1', 'Host: localhost', 'Connection: close']);
  socket.destroy();
  return status;
}

/** Seconds of CPU that the gateway has used. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${gateway.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** The delay of the event loop since the last call, in milliseconds. */
async function loopDelay(): Promise<FigureRow> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const of = (stat: string): number =>
    round(1000 * Number(new RegExp(`rdgw_event_loop_delay_seconds\\{stat="${stat}"\\} (\\S+)`).exec(text)?.[1]));
  return { 'loop mean ms': of('mean'), 'loop p99 ms': of('p99'), 'loop max ms': of('max') };
}

/** Log-ons and health checks beside a flood, spread over `ms`. */
async function expectServingBeside(title: string, options: Omit<FloodOptions, 'port'>, ms = 0): Promise<void> {
  flood = await startFlood({ ...options, port: gateway.port });
  await loopDelay();
  const before = { cpu: cpuSeconds(), at: performance.now() };
  const times: number[] = [];
  for (let index = 0; index < LOG_ONS; index++) {
    times.push(await logOn(index));
    expect(await health()).toBe(200);
    await sleep(Math.max(0, before.at + ((index + 1) * ms) / LOG_ONS - performance.now()));
  }
  const seconds = (performance.now() - before.at) / 1000;
  const cpu = (cpuSeconds() - before.cpu) / seconds;
  const delay = await loopDelay();
  const { made, 'made per second': perSecond } = await flood.stop();
  flood = undefined;
  times.sort((a, b) => a - b);
  record(title, {
    'log-ons': times.length,
    'p50 ms': round(times[times.length >> 1] ?? Number.NaN),
    'worst ms': round(times.at(-1) ?? Number.NaN),
    'cores of the gateway': Math.round(cpu * 100) / 100,
    ...delay,
    'connections made': made,
    'a second': perSecond,
  });
}

it('log-ons without a flood', async () => {
  const options = { kind: 'silent', connections: 1, addresses: 1, perSecond: 1 } as const;
  await expectServingBeside('log-ons, no flood', options);
});

describe.each(FLOOD_CONNECTIONS)('beside %i connections', (connections) => {
  describe.each(ADDRESSES)('from %i addresses', (addresses) => {
    it.each(FLOODS)('that are %s, everybody can log on', { timeout: LIMIT_MS }, async (kind) => {
      const title = `log-ons, ${connections} ${kind}, ${Math.min(addresses, connections)} addresses`;
      await expectServingBeside(title, { kind, connections, addresses, perSecond: RENEWALS_PER_SECOND });
    });
  });
});

it('beside floods of two workers, everybody can log on', { timeout: LIMIT_MS }, async () => {
  const workers = await startSoakGateway(lab, { flags: ['--workers', '2'] });
  for (const kind of FLOODS) {
    const options = { kind, connections: 2_048, addresses: 2, perSecond: RENEWALS_PER_SECOND };
    flood = await startFlood({ ...options, port: workers.port });
    for (let index = 0; index < LOG_ONS; index++) await logOn(index, workers);
    await flood.stop();
    flood = undefined;
  }
  expect(workers.log().some(({ event }) => event === 'connection.evicted')).toBe(true);
  expect(await workers.unexpectedErrors()).toEqual([]);
});

it(`beside 1,024 silent connections that are renewed for ${RENEWAL_SECONDS} s, everybody can log on`, {
  timeout: RENEWAL_SECONDS * 1000 + LIMIT_MS,
}, async () => {
  const lines = (): number => gateway.log().filter(({ event }) => event === 'connection.evicted').length;
  const before = lines();
  const options = { kind: 'silent', connections: 1_100, addresses: 2, perSecond: RENEWALS_PER_SECOND } as const;
  await expectServingBeside('log-ons, 1024 silent, renewed', options, RENEWAL_SECONDS * 1000);
  // One line in five seconds at most.
  expect(lines()).toBeGreaterThan(before);
  expect(lines() - before).toBeLessThanOrEqual(RENEWAL_SECONDS / 5 + 3);
  expect(await gateway.unexpectedErrors()).toEqual([]);
});
