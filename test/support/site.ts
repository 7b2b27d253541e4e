/** The gateway of a test: one gateway, or a pair that behaves like two workers and gets new connections in turn. */
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

let usePair = false;

/** Makes `testGatewayOrPair` start pairs in this test file from now on. */
export function useTwoWorkers(): void {
  usePair = true;
}

export function testGatewayOrPair(options: TestGatewayOptions = {}): Promise<TestGateway> {
  return usePair ? testPair(options) : testGateway(options);
}

/** Two gateways with the same configuration that communicate like workers: only by RPC messages and local sockets. */
export async function testPair(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'rdgw-site-'));
  const addressOf = (worker: number): string => join(folder, `${worker}.sock`);
  const secret = newSecret();
  const ticketKeys = randomBytes(48);
  const registry = new SharedRegistry({ ...schema.parse({}).limits, ...options.limits });
  const start = (number: number): Promise<TestGateway> => {
    const [primary, worker] = rpcPair();
    answerSharedState(primary, registry, number, addressOf);
    const forwarding = { address: addressOf(number), secret };
    return testGateway({
      ...options,
      sharedState: sharedStateOver(worker, { ids: { first: number, step: 2 }, forwarding, ticketKeys }),
    });
  };
  const gateways = [await start(1), await start(2)] as const;
  return combine(gateways, async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Both ends of an RPC connection. As between processes, messages are copied and arrive asynchronously. */
export function rpcPair(): readonly [Rpc, Rpc] {
  const sendTo = (rpc: () => Rpc) => (message: object) =>
    void setImmediate(() => rpc().receive(JSON.parse(JSON.stringify(message))));
  const one: Rpc = new Rpc(sendTo(() => other));
  const other: Rpc = new Rpc(sendTo(() => one));
  return [one, other];
}

function combine(gateways: readonly [TestGateway, TestGateway], stop: () => Promise<void>): TestGateway {
  const [one, other] = gateways;
  let next = 0;
  const all = (): LogLine[] => gateways.flatMap(({ log }) => log);
  const settle = async (ms: number): Promise<void> =>
    void (await Promise.all(gateways.map(({ gateway }) => gateway.settle(ms))));
  const sum = (of: 'tunnels' | 'connections'): number => one.gateway[of] + other.gateway[of];
  return {
    ...one,
    gateway: {
      addresses: one.gateway.addresses,
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
      useTicketKeys: (keys) => gateways.forEach(({ gateway }) => void gateway.useTicketKeys(keys)),
      reload(settings) {
        for (const { gateway } of gateways) gateway.reload(settings);
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
    lines: (event) => all().filter((line) => line.event === event),
    line: (event, wanted) => Promise.race(gateways.map((gateway) => gateway.line(event, wanted))),
    clearLog() {
      for (const gateway of gateways) gateway.clearLog();
    },
    idle: async () => void (await Promise.all(gateways.map((gateway) => gateway.idle()))),
    stop,
  };
}
