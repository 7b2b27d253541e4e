// The list of cells: each is one scenario that is measured in all its relays, with the goals of the gateway.
import { SetupError } from '../debian.js';
import { echo, echoUnderLoad } from './cells/echo.js';
import { idle } from './cells/memory.js';
import { setUps } from './cells/setup.js';
import { transfer } from './cells/transfer.js';
import { handshakes, PARSERS, parsers, refusals } from './cells/unauthenticated.js';

/** Connections for each direction in a bulk cell. */
const FOUR = 4;
const KIB16 = 16 * 1024;

/** Columns of the tables. The one with `compared` is printed with its spread and used for the ratios. */
const TRAFFIC = [
  { key: 'rate', title: 'MB/s', digits: 0 },
  { key: 'cost', title: 'CPU s/GB', digits: 3, compared: true },
  { key: 'core', title: 'core', digits: 2 },
  { key: 'generator', title: 'generator', digits: 2 },
];
const ECHO = [
  { key: 'p50', title: 'p50 µs', digits: 1 },
  { key: 'p99', title: 'p99', digits: 0 },
  { key: 'p999', title: 'p99.9', digits: 0 },
  { key: 'cost', title: 'CPU µs', digits: 1, compared: true },
];
const ECHO_UNDER_LOAD = [
  { key: 'p50', title: 'p50 µs', digits: 0, compared: true },
  { key: 'p99', title: 'p99', digits: 0 },
  { key: 'p999', title: 'p99.9', digits: 0 },
  { key: 'loop', title: 'loop µs', digits: 0 },
];
const SETUP = [
  { key: 'rate', title: 'per s', digits: 0 },
  { key: 'cost', title: 'CPU µs', digits: 0, compared: true },
  { key: 'resumed', title: 'resumed', digits: 2 },
  { key: 'core', title: 'core', digits: 2 },
  { key: 'generator', title: 'generator', digits: 2 },
];
const MEMORY = [
  { key: 'fresh', title: 'kB fresh', digits: 1, compared: true },
  { key: 'light', title: 'light', digits: 1 },
  { key: 'bulk', title: 'bulk', digits: 1 },
];
/** `core` and `all` are shares of a core for a megabyte per second, `all` with the connections for it. */
const PARSING = [
  { key: 'cost', title: 'µs/KiB', digits: 1, compared: true },
  { key: 'core', title: 'core', digits: 3 },
  { key: 'turn', title: 'turn ms', digits: 2 },
  { key: 'connection', title: 'connect µs', digits: 0 },
  { key: 'all', title: 'all, core', digits: 2 },
];
const CONNECTING = [{ key: 'cost', title: 'CPU µs', digits: 0, compared: true }];
const MEMORY_GOALS = [
  { key: 'fresh', limit: 60 },
  { key: 'light', limit: 80 },
  { key: 'bulk', limit: 165 },
];

const ALL = ['gateway', 'pipe', 'haproxy', 'raw'];
/** `raw` has no relay: it has only one desktop, and the memory of its sessions is the desktop's. */
const RELAYS = ['gateway', 'pipe', 'haproxy'];

const atMostPipe = (limit) => ({ key: 'cost', against: 'pipe', limit });
const atMostHaproxy = (limit) => ({ key: 'cost', against: 'haproxy', limit });

/**
 * `run(bench, relay, { first })` resolves with the figures of one repetition, by the keys of the columns. A cell with
 * `rows` has them for each row, by its key, and its goals apply to the worst row.
 */
const CELLS = [
  bulk('down', 'down, 4 connections', { down: FOUR }, [atMostPipe(0.95), atMostHaproxy(0.95)]),
  bulk('down30', 'down, 30 connections', { down: 30 }, [atMostPipe(1), atMostHaproxy(0.95)]),
  bulk('up16', 'up, 16 KiB, 4 connections', { up: FOUR, size: KIB16 }, [atMostPipe(1), atMostHaproxy(1.2)]),
  bulk('up4', 'up, 4 KiB, 4 connections', { up: FOUR, size: 4096 }),
  bulk('up1.4', 'up, 1.4 KiB, 4 connections', { up: FOUR, size: 1400 }, [atMostPipe(0.6)]),
  bulk('up1', 'up, 1 KiB, 4 connections', { up: FOUR, size: 1024 }),
  bulk('eight', 'eight streams, four each way', { down: FOUR, up: FOUR, size: KIB16 }),
  dual('dual-down', 'down, dual channel', { down: FOUR }),
  dual('dual-up16', 'up, 16 KiB, dual channel', { up: FOUR, size: KIB16 }),
  dual('dual-up1.4', 'up, 1.4 KiB, dual channel', { up: FOUR, size: 1400 }),
  {
    name: 'echo',
    title: 'echo of 64 B, alone',
    columns: ECHO,
    relays: ALL,
    goals: [atMostPipe(1), atMostHaproxy(1.35), { key: 'p50', against: 'haproxy', added: 5 }],
    run: echo,
  },
  underLoad('echo-down', 'echo beside four down', { down: FOUR }, 1500),
  underLoad('echo-up', 'echo beside four up', { up: FOUR, size: KIB16 }, 1000),
  {
    name: 'setup',
    title: 'set-up, full handshake',
    columns: SETUP,
    relays: ALL,
    goals: [{ key: 'cost', limit: 700 }],
    run: setUps({ resume: false }),
  },
  { name: 'resumed', title: 'set-up, resumed', columns: SETUP, relays: ALL, goals: [], run: setUps({ resume: true }) },
  {
    name: 'parsers',
    title: 'the worst input known for each reader, unauthenticated',
    columns: PARSING,
    rows: PARSERS,
    relays: ['gateway'],
    goals: [
      { key: 'core', limit: 0.1, worst: true },
      { key: 'turn', limit: 5, worst: true },
    ],
    run: parsers,
  },
  connecting('handshake', 'TLS handshake, nothing after it', handshakes),
  connecting('refused', 'TLS handshake and a refused request', refusals('request')),
  connecting('forged', 'TLS handshake and a forged token', refusals('token')),
  memory('rss', 'memory of 200 idle sessions', 200),
  { ...memory('rss2000', 'memory of 2000 idle sessions', 2000), slow: true },
  // The most that a limit of 20,000 descriptors allows. haproxy needs more descriptors for itself.
  { ...memory('rss9900', 'memory of 9900 idle sessions', 9900), relays: ['gateway', 'pipe'], onlyByName: true },
];

/** The cells named on the command line, or all of them except `onlyByName`, and except `slow` in a quick run. */
export function chooseCells({ cells, quick }) {
  if (!cells) return CELLS.filter(({ slow, onlyByName }) => !onlyByName && !(quick && slow));
  return cells.map((name) => {
    const cell = CELLS.find((each) => each.name === name);
    if (cell) return cell;
    throw new SetupError(`there is no cell "${name}"; there are ${CELLS.map((each) => each.name).join(', ')}`);
  });
}

function bulk(name, title, flows, goals = []) {
  return { name, title, columns: TRAFFIC, relays: ALL, goals, run: transfer(flows) };
}

function dual(name, title, flows) {
  const goals = [
    { key: 'cost', of: 'dual', against: 'gateway', limit: 1 },
    ...(flows.up ? [{ key: 'cost', of: 'crossed', against: 'dual', added: 0.5 }] : []),
  ];
  return {
    ...bulk(name, title, flows, goals),
    relays: flows.up ? ['gateway', 'dual', 'crossed'] : ['gateway', 'dual'],
  };
}

function connecting(name, title, run) {
  return { name, title, columns: CONNECTING, relays: ['gateway', 'haproxy'], goals: [], run };
}

function underLoad(name, title, flows, limit) {
  const goals = [{ key: 'p50', limit }];
  return { name, title, columns: ECHO_UNDER_LOAD, relays: RELAYS, goals, run: echoUnderLoad(flows) };
}

function memory(name, title, sessions) {
  return { name, title, columns: MEMORY, relays: RELAYS, goals: MEMORY_GOALS, ...idle(sessions) };
}
