// What is measured, one row each, with the goals that a gateway should reach there.
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from './cpu.js';
import { warmUp, watch } from './window.js';

/** Connections in a cell of bulk data, unless it says otherwise. */
const FOUR = 4;
/** Set-ups at one time: enough to keep one core busy, far below every limit. */
const PARALLEL = 16;
/** Ended sessions need a moment to be gone everywhere. */
const SETTLE_MS = 150;
/** Memory is looked at when allocators and collectors had time. */
const REST_MS = 1500;
/** Four packets each way on a trip: 4 KiB, then 60. */
const LIGHT = { payload: 1024, count: 4 };
const BULK = { payload: 15 * 1024, count: 4 };
const TRIPS = 3;

const TRAFFIC = [
  { key: 'rate', title: 'MB/s', digits: 0 },
  { key: 'cost', title: 's/GB', digits: 3, ratio: true },
  { key: 'core', title: 'core', digits: 2 },
  { key: 'generator', title: 'generator', digits: 2 },
];
const ECHO = [
  { key: 'p50', title: 'p50 µs', digits: 1 },
  { key: 'p99', title: 'p99', digits: 0 },
  { key: 'p999', title: 'p99.9', digits: 0 },
  { key: 'cost', title: 'CPU µs', digits: 1, ratio: true },
];
const BESIDE = [
  { key: 'p50', title: 'p50 µs', digits: 0, ratio: true },
  { key: 'p99', title: 'p99', digits: 0 },
  { key: 'p999', title: 'p99.9', digits: 0 },
];
const SETUP = [
  { key: 'rate', title: 'per s', digits: 0 },
  { key: 'cost', title: 'CPU µs', digits: 0, ratio: true },
  { key: 'core', title: 'core', digits: 2 },
  { key: 'generator', title: 'generator', digits: 2 },
];
const MEMORY = [
  { key: 'fresh', title: 'kB fresh', digits: 1, ratio: true },
  { key: 'light', title: 'light', digits: 1 },
  { key: 'bulk', title: 'bulk', digits: 1 },
];

const toPipe = (limit) => ({ key: 'cost', against: 'pipe', limit });
const toHaproxy = (limit) => ({ key: 'cost', against: 'haproxy', limit });

/** Relays of a cell are columns of the bench unless it names others; `run(bench, relay, first)` gives its figures. */
export const CELLS = [
  bulk('down', 'down, 4 connections', { down: FOUR }, [toPipe(0.95), toHaproxy(0.95)]),
  bulk('down30', 'down, 30 connections', { down: 30 }, [toPipe(1), toHaproxy(0.95)]),
  bulk('up16', 'up, 16 KiB, 4 connections', { up: FOUR, size: 16 * 1024 }, [toPipe(1), toHaproxy(1.2)]),
  bulk('up4', 'up, 4 KiB, 4 connections', { up: FOUR, size: 4096 }, []),
  bulk('up1.4', 'up, 1.4 KiB, 4 connections', { up: FOUR, size: 1400 }, [toPipe(0.6)]),
  bulk('up1', 'up, 1 KiB, 4 connections', { up: FOUR, size: 1024 }, []),
  bulk('eight', 'four down and four up', { down: FOUR, up: FOUR, size: 16 * 1024 }, []),
  dual(bulk('dual-down', 'down, dual channel', { down: FOUR }, [])),
  dual(bulk('dual-up16', 'up, 16 KiB, dual channel', { up: FOUR, size: 16 * 1024 }, [])),
  dual(bulk('dual-up1.4', 'up, 1.4 KiB, dual channel', { up: FOUR, size: 1400 }, [])),
  {
    name: 'echo',
    title: 'echo of 64 B, alone',
    columns: ECHO,
    goals: [toPipe(1), toHaproxy(1.35), { key: 'p50', against: 'haproxy', added: 5 }],
    run: echo,
  },
  beside('echo-down', 'echo beside four down', { down: FOUR }, 1500),
  beside('echo-up', 'echo beside four up', { up: FOUR, size: 16 * 1024 }, 1000),
  {
    name: 'setup',
    title: 'set-up, full handshake',
    columns: SETUP,
    goals: [{ key: 'cost', limit: 700 }],
    run: setUps(false),
  },
  { name: 'resumed', title: 'set-up, resumed', columns: SETUP, goals: [], run: setUps(true) },
  memory('rss', 'memory of 200 idle sessions', 200),
  { ...memory('rss2000', 'memory of 2000 idle sessions', 2000), slow: true },
];

function dual(cell) {
  return { ...cell, relays: ['gateway', 'dual'], goals: [{ key: 'cost', against: 'gateway', of: 'dual', limit: 1 }] };
}

function bulk(name, title, flows, goals) {
  const run = async (bench, relay, first) => {
    const ways = { clients: bench.bulk, pid: relay.pid, desktop: relay.far };
    await start(bench, relay, flows, first);
    await warm(bench, relay, first);
    const seen = await watch(ways, bench.seconds);
    await finish(bench.bulk);
    return {
      rate: seen.bytes / seen.seconds / 1e6,
      cost: seen.cpu / seen.bytes,
      ...seen.shares,
    };
  };
  return { name, title, columns: TRAFFIC, goals, run };
}

async function echo(bench, relay, first) {
  await startEcho(bench, relay, first);
  await warm(bench, relay, first);
  const seen = await watch({ pid: relay.pid, clients: bench.prober }, bench.seconds);
  await finish(bench.prober);
  return { ...seen.latency, cost: seen.cpu / seen.trips / 1000 };
}

function beside(name, title, flows, limit) {
  const run = async (bench, relay, first) => {
    await start(bench, relay, flows, false);
    await startEcho(bench, relay, first);
    await warm(bench, relay, first);
    const seen = await watch({ pid: relay.pid, clients: bench.prober }, bench.seconds);
    await finish(bench.prober);
    await finish(bench.bulk);
    return seen.latency;
  };
  // Two flows lead to two desktops, and without a relay there is but one.
  return { name, title, columns: BESIDE, goals: [{ key: 'p50', limit }], relays: ['gateway', 'pipe', 'haproxy'], run };
}

function setUps(resume) {
  return async (bench, relay) => {
    const { bulk: clients } = bench;
    await clients.elsewhere(relay.far !== undefined);
    await clients.churn(PARALLEL, { ...bench.way(relay, 0), resume });
    await warmUp(relay.pid, bench.warmUp);
    const seen = await watch({ pid: relay.pid, clients }, bench.seconds);
    await finish(clients);
    return { rate: seen.opened / seen.seconds, cost: seen.cpu / seen.opened / 1000, ...seen.shares };
  };
}

/** In a relay of its own: what others left behind would be reused. */
function memory(name, title, sessions) {
  const run = async (bench, relay) => {
    const { bulk: clients } = bench;
    await clients.verify(false);
    // Code is loaded and compiled before, it is no part of a session.
    await clients.churn(1, { ...bench.way(relay, 0), resume: false });
    await warmUp(relay.pid, bench.warmUp);
    await finish(clients);
    const each = [];
    const empty = memoryOf(relay.pid);
    const look = async () => {
      await sleep(bench.quick ? SETTLE_MS : REST_MS);
      each.push((memoryOf(relay.pid) - empty) / sessions / 1024);
    };
    await clients.open('echo', sessions, bench.way(relay, 0));
    await look();
    for (const { payload, count } of [LIGHT, BULK]) {
      await clients.pulse(TRIPS, bench.block(relay, payload, count));
      await look();
    }
    await finish(clients);
    const [fresh, light, bulk] = each;
    return { fresh, light, bulk };
  };
  const goals = [
    { key: 'fresh', limit: 60 },
    { key: 'light', limit: 80 },
    { key: 'bulk', limit: 165 },
  ];
  return { name, title, columns: MEMORY, goals, fresh: true, relays: ['gateway', 'pipe', 'haproxy'], run };
}

async function start(bench, relay, { down = 0, up = 0, size = 0 }, first) {
  const { bulk: clients } = bench;
  const way = bench.way(relay, 0);
  await clients.verify(first);
  await clients.elsewhere(relay.far !== undefined);
  await relay.far?.verify(first);
  if (down > 0) {
    const block = bench.block(relay, 16 * 1024, 64);
    await relay.far?.role('down', block);
    await clients.open('down', down, { ...way, block });
  }
  if (up > 0) {
    const block = bench.frames(relay, size);
    await relay.far?.role('up', block);
    await clients.open('up', up, { ...way, block });
  }
  await relay.far?.go();
  await clients.go();
}

async function startEcho(bench, relay, first) {
  const block = bench.block(relay, 64, 1);
  await bench.prober.verify(first);
  await bench.prober.elsewhere(relay.far !== undefined);
  await relay.far?.role('echo', block);
  await bench.prober.open('echo', 1, { ...bench.way(relay, 1), block });
  await bench.prober.go();
}

/** The first time around every byte is compared, both ways; the look itself is undisturbed by it. */
async function warm(bench, relay, first) {
  await warmUp(relay.pid, bench.warmUp);
  if (!first) return;
  for (const load of [bench.bulk, bench.prober, relay.far]) {
    await load?.mark();
    await load?.verify(false);
  }
}

async function finish(clients) {
  await clients.mark();
  await clients.close();
  await sleep(SETTLE_MS);
}
