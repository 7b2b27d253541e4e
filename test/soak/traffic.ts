/** Flows that go on until they are stopped, and tell what went wrong. */
import { randomBytes, randomInt } from 'node:crypto';
import { until } from '../lab/until.js';
import { type RawClient, TRANSPORTS, type TransportKind } from '../support/client.js';
import { echoTarget, testTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { type Facts, MIB, round } from './figures.js';
import type { SoakGateway } from './gateway.js';
import { BULK_BYTES_PER_SECOND, ECHO_EVERY_MS, SHORT_LANES } from './plan.js';

export interface Traffic {
  /** Ends what is under way. Rejects with the first thing that went wrong. */
  stop(): Promise<Facts>;
}

/** Rounds, in several lanes at once, until somebody says stop or one fails. */
export class Lanes {
  #stopped = false;
  readonly #lanes: Promise<void>[];
  /** The first thing that went wrong, for those who look before the end. */
  failure: Error | undefined;

  constructor(count: number, round: (lane: number) => Promise<void>) {
    this.#lanes = Array.from({ length: count }, async (_, lane) => {
      while (!this.#stopped) await round(lane);
    });
    // Whoever stops them hears of it.
    for (const lane of this.#lanes) {
      lane.catch((error: Error) => {
        this.failure ??= error;
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }
}

const transportOf = (index: number): TransportKind => TRANSPORTS[index % TRANSPORTS.length] ?? 'websocket';

/** Ways to go, one after the other. */
const GOODBYES: readonly ((client: RawClient) => Promise<void>)[] = [
  async (client) => client.pipe.close(),
  async (client) => {
    for (const socket of client.pipe.sockets) socket.end();
    await client.ended();
  },
  async (client) => {
    client.closeChannel();
    await client.until('closed');
    client.pipe.close();
  },
];
const MESSAGE_MAX = 64 * 1024;

/** One session from its handshake to its end, with data that has to come back. */
export async function shortSession(gateway: SoakGateway, echo: { name: string; port: number }, index: number) {
  const client = await gateway.client(echo, { transport: transportOf(index), user: 'short' });
  const message = randomBytes(randomInt(1, MESSAGE_MAX));
  client.send(message);
  if (!(await client.gets(message.length)).equals(message)) throw new Error('a short session got other bytes back');
  await GOODBYES[index % GOODBYES.length]?.(client);
}

/** Short sessions that an overload may cost. */
const TURNED_AWAY_SHARE = 0.1;

export async function shortSessions(gateway: SoakGateway): Promise<Traffic> {
  const echo = await echoTarget();
  let count = 0;
  let turnedAway = 0;
  const lanes = new Lanes(SHORT_LANES, async () => {
    try {
      await shortSession(gateway, echo, count++);
    } catch (error) {
      // A machine that is busy with something else makes an overload, in which newcomers are to be turned away.
      if (!/\b503\b/.test((error as Error).message)) throw error;
      turnedAway++;
      await sleep(1000);
    }
    // The list of its sockets is for tests that end.
    echo.sockets.splice(0, Math.max(0, echo.sockets.length - 4 * SHORT_LANES));
  });
  return {
    async stop() {
      await lanes.stop();
      await echo.stop();
      if (turnedAway > count * TURNED_AWAY_SHARE)
        throw new Error(`${turnedAway} of ${count} sessions were turned away`);
      return { sessions: count - turnedAway, 'turned away': turnedAway };
    },
  };
}

/** Its length is prime, so that no buffer's size is a multiple of it: bytes at a wrong place are wrong bytes. */
const PATTERN = randomBytes(65_521);
const TWICE = Buffer.concat([PATTERN, PATTERN, PATTERN]);
const BLOCK = 32 * 1024;

/** What was under way arrives within this time even on a busy machine. */
const REST_LIMIT_MS = 30_000;

/** Holds bytes against the pattern. */
class PatternCheck {
  bytes = 0;
  failure: Error | undefined;

  take(piece: Buffer): void {
    for (let at = 0; at < piece.length; at += PATTERN.length) {
      const part = piece.subarray(at, at + PATTERN.length);
      const from = this.bytes % PATTERN.length;
      if (!part.equals(TWICE.subarray(from, from + part.length)))
        this.failure ??= new Error(`other bytes near ${this.bytes}`);
      this.bytes += part.length;
    }
  }
}

/** One flow each way over each transport, every byte checked. */
export async function bulkFlows(gateway: SoakGateway): Promise<Traffic> {
  const flows = await Promise.all(TRANSPORTS.flatMap((kind) => [bulkUp(gateway, kind), bulkDown(gateway, kind)]));
  const started = performance.now();
  return {
    async stop() {
      const moved = await Promise.all(flows.map((stop) => stop()));
      const bytes = moved.reduce((sum, one) => sum + one, 0);
      return {
        flows: flows.length,
        'MiB checked': round(bytes / MIB),
        'MiB/s': round(bytes / MIB / ((performance.now() - started) / 1000)),
      };
    },
  };
}

/** Ends the flow; the bytes that arrived. */
type StopFlow = () => Promise<number>;

async function bulkUp(gateway: SoakGateway, transport: TransportKind): Promise<StopFlow> {
  const check = new PatternCheck();
  const target = await testTarget((socket) => socket.on('data', (bytes) => check.take(bytes)));
  const client = await gateway.client(target, { transport, user: 'bulk' });
  return paced(target.stop, client, check, async (block) => {
    client.send(block);
    await new Promise<void>((resolve) => void client.pipe.up.write('', () => resolve()));
  });
}

async function bulkDown(gateway: SoakGateway, transport: TransportKind): Promise<StopFlow> {
  const check = new PatternCheck();
  const target = await testTarget();
  const client = await gateway.client(target, { transport, user: 'bulk' });
  client.sink = (bytes) => check.take(bytes);
  const socket = await target.socket(0);
  return paced(
    target.stop,
    client,
    check,
    (block) => new Promise((resolve) => void socket.write(block, () => resolve())),
  );
}

function paced(
  end: () => Promise<void>,
  client: RawClient,
  check: PatternCheck,
  write: (block: Buffer) => Promise<void>,
): StopFlow {
  let sent = 0;
  const started = performance.now();
  const lanes = new Lanes(1, async () => {
    const from = sent % PATTERN.length;
    await write(TWICE.subarray(from, from + BLOCK));
    sent += BLOCK;
    if (check.failure) throw check.failure;
    if (client.closed) throw new Error('a bulk flow has ended');
    const ahead = sent / BULK_BYTES_PER_SECOND - (performance.now() - started) / 1000;
    if (ahead > 0) await sleep(ahead * 1000);
  });
  return async () => {
    await lanes.stop();
    await until('the rest of a bulk flow', REST_LIMIT_MS, () => check.bytes >= sent || client.closed);
    if (check.failure) throw check.failure;
    if (check.bytes !== sent) throw new Error(`a bulk flow lost ${sent - check.bytes} bytes`);
    client.pipe.close();
    await end();
    return check.bytes;
  };
}

const PING_BYTES = 64;

/** Round trips of small messages over both transports, timed. */
export class EchoSessions implements Traffic {
  readonly #target;
  readonly #clients: readonly RawClient[];
  readonly #lanes: Lanes;
  #times: number[] = [];

  private constructor(target: Awaited<ReturnType<typeof echoTarget>>, clients: readonly RawClient[]) {
    this.#target = target;
    this.#clients = clients;
    this.#lanes = new Lanes(clients.length, async (lane) => {
      const client = clients[lane] as RawClient;
      const start = performance.now();
      client.send(randomBytes(PING_BYTES));
      const wanted = client.receivedBytes - (client.receivedBytes % PING_BYTES) + PING_BYTES;
      await client.when(() => client.receivedBytes >= wanted || client.closed);
      if (client.closed) throw new Error('an echo session has ended');
      this.#times.push(performance.now() - start);
      await sleep(ECHO_EVERY_MS);
    });
  }

  static async start(gateway: SoakGateway): Promise<EchoSessions> {
    const target = await echoTarget();
    const clients = await Promise.all(
      TRANSPORTS.map((transport) => gateway.client(target, { transport, user: 'echo' })),
    );
    for (const client of clients) client.sink = () => undefined;
    return new EchoSessions(target, clients);
  }

  /** Round trips since the last call. */
  facts(): Facts {
    const times = this.#times.sort((a, b) => a - b);
    this.#times = [];
    const at = (share: number): number => round(times[Math.floor(times.length * share)] ?? Number.NaN);
    return { 'round trips': times.length, 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'worst ms': at(1 - 1e-9) };
  }

  async stop(): Promise<Facts> {
    await this.#lanes.stop();
    for (const client of this.#clients) client.pipe.close();
    await this.#target.stop();
    return this.facts();
  }
}
