/** The gateway that a test talks to: one process, or as if two served it, with every connection landing on the other one. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema } from '../../src/config/schema.js';
import { newSecret } from '../../src/gateway/cluster/forward.js';
import { SharedRegistry } from '../../src/gateway/cluster/shared-registry.js';
import { sumOf } from '../../src/gateway/report/counters.js';
import { Rpc } from '../../src/serve/workers/rpc.js';
import { answerSharedState, sharedStateOver } from '../../src/serve/workers/shared-state.js';
import { type LogLine, type TestGateway, type TestGatewayOptions, testGateway } from './gateway.js';

let apart = false;

/** From now on the sites of this test file are two processes. */
export function landApart(): void {
  apart = true;
}

export function testSite(options: TestGatewayOptions = {}): Promise<TestGateway> {
  return apart ? testPair(options) : testGateway(options);
}

/** Two gateways with everything in common but memory, as workers have it: they share nothing but messages and a local socket. */
export async function testPair(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rdgw-site-'));
  const addressOf = (worker: number): string => join(folder, `${worker}.sock`);
  const secret = newSecret();
  const ticketKeys = randomBytes(48);
  const ledger = new SharedRegistry({ ...schema.parse({}).limits, ...options.limits });
  const start = (number: number): Promise<TestGateway> => {
    const [primary, worker] = wires();
    answerSharedState(primary, ledger, number, addressOf);
    const forwarding = { address: addressOf(number), secret };
    return testGateway({
      ...options,
      commons: sharedStateOver(worker, { ids: { first: number, step: 2 }, forwarding, ticketKeys }),
    });
  };
  const gateways = [await start(1), await start(2)] as const;
  return joined(gateways, async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Both ends of a way between two processes: what arrives is a copy, and arrives later. */
export function wires(): readonly [Rpc, Rpc] {
  const later = (wire: () => Rpc) => (message: object) =>
    void setImmediate(() => wire().receive(JSON.parse(JSON.stringify(message))));
  const one: Rpc = new Rpc(later(() => other));
  const other: Rpc = new Rpc(later(() => one));
  return [one, other];
}

function joined(gateways: readonly [TestGateway, TestGateway], stop: () => Promise<void>): TestGateway {
  const [one, other] = gateways;
  let next = 0;
  const all = (): LogLine[] => gateways.flatMap(({ log }) => log);
  const settle = async (ms: number): Promise<void> =>
    void (await Promise.all(gateways.map(({ gateway }) => gateway.settle(ms))));
  const sum = (of: 'tunnels' | 'connections'): number => one.gateway[of] + other.gateway[of];
  return {
    ...one,
    gateway: {
      address: one.gateway.address,
      get tunnels() {
        return sum('tunnels');
      },
      get connections() {
        return sum('connections');
      },
      counts: () => sumOf([one.gateway.counts(), other.gateway.counts()]),
      get listening() {
        return one.gateway.listening && other.gateway.listening;
      },
      reload(terms) {
        for (const { gateway } of gateways) gateway.reload(terms);
      },
      settle,
      async drain(ms) {
        await settle(ms);
        await stop();
      },
      close: stop,
    },
    get port() {
      return (gateways[next++ % 2] as TestGateway).port;
    },
    get log() {
      return all();
    },
    lines: (event) => all().filter(({ msg }) => msg === event),
    line: (event, wanted) => Promise.race(gateways.map((gateway) => gateway.line(event, wanted))),
    forget() {
      for (const gateway of gateways) gateway.forget();
    },
    idle: async () => void (await Promise.all(gateways.map((gateway) => gateway.idle()))),
    stop,
  };
}
