/** Traffic that runs until it is stopped and reports errors. */
import { randomBytes, randomInt } from 'node:crypto';
import { until } from '../lab/until.js';
import { type RawClient, TRANSPORTS, type TransportKind } from '../support/client.js';
import { echoTarget, testTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { type FigureRow, MIB, round } from './figures.js';
import type { SoakGateway } from './gateway.js';
import { BULK_BYTES_PER_SECOND, ECHO_EVERY_MS, SHORT_SESSION_LOOPS } from './plan.js';

export interface Traffic {
  /** Ends the traffic. Rejects with the first error. */
  stop(): Promise<FigureRow>;
}

/** Concurrent loops that call a function until they are stopped or a call fails. */
export class Loops {
  #stopped = false;
  readonly #loops: Promise<void>[];
  /** The first error so far. */
  failure: Error | undefined;

  constructor(count: number, iterate: (index: number) => Promise<void>) {
    this.#loops = Array.from({ length: count }, async (_, index) => {
      while (!this.#stopped) await iterate(index);
    });
    // `stop` rejects with the error.
    for (const loop of this.#loops) {
      loop.catch((error: Error) => {
        this.failure ??= error;
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }
}

const transportOf = (index: number): TransportKind => TRANSPORTS[index % TRANSPORTS.length] ?? 'websocket';

/** The ways to end a session, used in turn. */
const CLOSE_METHODS: readonly ((client: RawClient) => Promise<void>)[] = [
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

/** Opens a session, verifies that a message is echoed, and ends the session. */
export async function shortSession(gateway: SoakGateway, echo: { name: string; port: number }, index: number) {
  const client = await gateway.client(echo, { transport: transportOf(index), user: 'short' });
  const message = randomBytes(randomInt(1, MESSAGE_MAX));
  client.send(message);
  if (!(await client.waitForBytes(message.length)).equals(message))
    throw new Error('a short session received other bytes than it sent');
  await CLOSE_METHODS[index % CLOSE_METHODS.length]?.(client);
}

/** The share of short sessions that may be rejected because of overload. */
const REJECTED_SHARE = 0.1;

export async function shortSessions(gateway: SoakGateway): Promise<Traffic> {
  const echo = await echoTarget();
  let count = 0;
  let rejected = 0;
  const loops = new Loops(SHORT_SESSION_LOOPS, async () => {
    try {
      await shortSession(gateway, echo, count++);
    } catch (error) {
      // When the machine is overloaded, the gateway rejects new connections with 503.
      if (!/\b503\b/.test((error as Error).message)) throw error;
      rejected++;
      await sleep(1000);
    }
    // The target keeps all its sockets in a list, which would grow for the whole run.
    echo.sockets.splice(0, Math.max(0, echo.sockets.length - 4 * SHORT_SESSION_LOOPS));
  });
  return {
    async stop() {
      await loops.stop();
      await echo.stop();
      if (rejected > count * REJECTED_SHARE) throw new Error(`${rejected} of ${count} sessions were rejected`);
      return { sessions: count - rejected, rejected };
    },
  };
}

/**
 * The length is prime, so that no buffer size is a multiple of it and misplaced bytes differ from the expected ones.
 */
const PATTERN = randomBytes(65_521);
const REPEATED = Buffer.concat([PATTERN, PATTERN, PATTERN]);
const BLOCK = 32 * 1024;

/** Limit until all sent bytes have arrived, also on a busy machine. */
const ARRIVAL_LIMIT_MS = 30_000;

/** Compares received bytes with the pattern. */
class PatternCheck {
  bytes = 0;
  failure: Error | undefined;

  check(piece: Buffer): void {
    for (let at = 0; at < piece.length; at += PATTERN.length) {
      const part = piece.subarray(at, at + PATTERN.length);
      const from = this.bytes % PATTERN.length;
      if (!part.equals(REPEATED.subarray(from, from + part.length)))
        this.failure ??= new Error(`wrong bytes near offset ${this.bytes}`);
      this.bytes += part.length;
    }
  }
}

/** Starts one flow in each direction over each transport. Every byte is checked. */
export async function bulkFlows(gateway: SoakGateway): Promise<Traffic> {
  const flows = await Promise.all(TRANSPORTS.flatMap((kind) => [bulkUp(gateway, kind), bulkDown(gateway, kind)]));
  const started = performance.now();
  return {
    async stop() {
      const received = await Promise.all(flows.map((stop) => stop()));
      const bytes = received.reduce((sum, one) => sum + one, 0);
      return {
        flows: flows.length,
        'MiB checked': round(bytes / MIB),
        'MiB/s': round(bytes / MIB / ((performance.now() - started) / 1000)),
      };
    },
  };
}

/** Ends the flow and resolves with the number of received bytes. */
type StopFlow = () => Promise<number>;

async function bulkUp(gateway: SoakGateway, transport: TransportKind): Promise<StopFlow> {
  const check = new PatternCheck();
  const target = await testTarget((socket) => socket.on('data', (bytes) => check.check(bytes)));
  const client = await gateway.client(target, { transport, user: 'bulk' });
  return startPacedFlow(target.stop, client, check, async (block) => {
    client.send(block);
    await new Promise<void>((resolve) => void client.pipe.up.write('', () => resolve()));
  });
}

async function bulkDown(gateway: SoakGateway, transport: TransportKind): Promise<StopFlow> {
  const check = new PatternCheck();
  const target = await testTarget();
  const client = await gateway.client(target, { transport, user: 'bulk' });
  client.sink = (bytes) => check.check(bytes);
  const socket = await target.socket(0);
  return startPacedFlow(
    target.stop,
    client,
    check,
    (block) => new Promise((resolve) => void socket.write(block, () => resolve())),
  );
}

/** Sends the pattern at a rate of `BULK_BYTES_PER_SECOND`. */
function startPacedFlow(
  stopTarget: () => Promise<void>,
  client: RawClient,
  check: PatternCheck,
  write: (block: Buffer) => Promise<void>,
): StopFlow {
  let sent = 0;
  const started = performance.now();
  const loop = new Loops(1, async () => {
    const from = sent % PATTERN.length;
    await write(REPEATED.subarray(from, from + BLOCK));
    sent += BLOCK;
    if (check.failure) throw check.failure;
    if (client.closed) throw new Error('a bulk flow has ended');
    const ahead = sent / BULK_BYTES_PER_SECOND - (performance.now() - started) / 1000;
    if (ahead > 0) await sleep(ahead * 1000);
  });
  return async () => {
    await loop.stop();
    await until('the last bytes of a bulk flow', ARRIVAL_LIMIT_MS, () => check.bytes >= sent || client.closed);
    if (check.failure) throw check.failure;
    if (check.bytes !== sent) throw new Error(`a bulk flow lost ${sent - check.bytes} bytes`);
    client.pipe.close();
    await stopTarget();
    return check.bytes;
  };
}

const PING_BYTES = 64;

/** Measures round trips of small messages over both transports. */
export class EchoSessions implements Traffic {
  readonly #target;
  readonly #clients: readonly RawClient[];
  readonly #loops: Loops;
  #times: number[] = [];

  private constructor(target: Awaited<ReturnType<typeof echoTarget>>, clients: readonly RawClient[]) {
    this.#target = target;
    this.#clients = clients;
    this.#loops = new Loops(clients.length, async (index) => {
      const client = clients[index] as RawClient;
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

  /** The figures of the round trips since the last call. */
  takeFigures(): FigureRow {
    const times = this.#times.sort((a, b) => a - b);
    this.#times = [];
    const quantile = (share: number): number => round(times[Math.floor(times.length * share)] ?? Number.NaN);
    return {
      'round trips': times.length,
      'p50 ms': quantile(0.5),
      'p99 ms': quantile(0.99),
      'worst ms': quantile(1 - 1e-9),
    };
  }

  async stop(): Promise<FigureRow> {
    await this.#loops.stop();
    for (const client of this.#clients) client.pipe.close();
    await this.#target.stop();
    return this.takeFigures();
  }
}
