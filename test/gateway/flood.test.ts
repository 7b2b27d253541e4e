/** Log-ons beside floods of connections without an identity. The soak test has longer and larger ones. */
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient, request, TRANSPORTS, tlsSocket } from '../support/client.js';
import { FLOODS, type Flood, type FloodOptions, startFlood } from '../support/flood.js';
import type { TestGateway } from '../support/gateway.js';
import { testGatewayOrPair as testGateway } from '../support/site.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const LOG_ONS = 10;
/** More than the slots for connections without an identity, so that the flood takes all of them. */
const LIMITS = { handshakes: 128, handshakesPerAddress: 64 };
const FLOOD = { connections: 256, perSecond: 1_000 };

let flood: Flood | undefined;
afterEach(async () => {
  await flood?.stop();
  flood = undefined;
});

/** Opens a session, sends something through it, and closes it. */
async function logOn(server: TestGateway, target: TestTarget, index: number): Promise<void> {
  const transport = TRANSPORTS[index % TRANSPORTS.length] ?? 'http';
  const token = await server.token(target.name);
  const client = await RawClient.open(server, { transport, token, port: target.port });
  client.send(Buffer.from('hello'));
  expect((await client.waitForBytes(5)).toString()).toBe('hello');
  client.pipe.close();
}

async function health(server: TestGateway): Promise<number> {
  const socket = await tlsSocket(server);
  const { status } = await request(socket, ['GET /healthz HTTP/1.1', 'Host: localhost', 'Connection: close']);
  socket.destroy();
  return status;
}

async function expectOpen(options: Omit<FloodOptions, 'port'>, limits: typeof LIMITS): Promise<TestGateway> {
  const server = await testGateway({ limits });
  const target = await echoTarget();
  // A pair has two ports, and the flood reaches one of them.
  flood = await startFlood({ ...options, port: server.port });
  await eventually(() => server.gateway.counts().handshakes >= limits.handshakes / 2);
  for (let index = 0; index < LOG_ONS; index++) {
    await logOn(server, target, index);
    expect(await health(server)).toBe(200);
  }
  await flood.stop();
  flood = undefined;
  await server.stop();
  await target.stop();
  return server;
}

describe.each([2, 200])('beside a flood from %i addresses', (addresses) => {
  it.each(FLOODS)('of connections that are %s, everybody can log on', async (kind) => {
    const server = await expectOpen({ ...FLOOD, kind, addresses }, LIMITS);
    expect(server.lines('session.ended').filter(({ user }) => user === 'alice')).toHaveLength(LOG_ONS);
    expect(server.lines('connection.evicted').length).toBeGreaterThan(0);
  });
});

describe('512 silent connections from each of two addresses, renewed', () => {
  it('end each other, and everybody else can log on', async () => {
    const server = await expectOpen(
      { kind: 'silent', connections: 1_200, addresses: 2, perSecond: 1_000 },
      { handshakes: 1024, handshakesPerAddress: 512 },
    );
    const peers = server.lines('connection.evicted').map(({ peer }) => peer);
    expect(new Set([...peers, '127.1.0.1', '127.1.0.2'])).toEqual(new Set(['127.1.0.1', '127.1.0.2']));
  });
});
