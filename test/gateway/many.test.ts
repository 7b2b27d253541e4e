import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RawClient, TRANSPORTS } from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { activeResources, memoryInUse } from '../support/memory.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const SESSIONS = 500;
const ROUNDS = 2;
/** Concurrent handshakes, few because the test is about sessions. */
const AT_ONCE = 50;
/**
 * Limit for the growth after the first round, which is mostly compiled code: 2 KiB leaked by each session would exceed
 * it.
 */
const GROWTH_MAX = (ROUNDS - 1) * SESSIONS * 2048;

const MESSAGE = randomBytes(40_000);

/** Ways in which clients close their sessions, used in turn. */
const CLOSES: readonly ((client: RawClient) => void)[] = [
  (client) => client.pipe.close(),
  (client) => {
    for (const socket of client.pipe.sockets) socket.end();
  },
  (client) => {
    client.closeChannel();
    void client.until('closed').then(() => client.pipe.close());
  },
];

async function round(server: TestGateway, target: TestTarget): Promise<void> {
  const token = await server.token(target.name);
  const clients: RawClient[] = [];
  while (clients.length < SESSIONS) {
    const batch = Array.from({ length: AT_ONCE }, (_, index) =>
      RawClient.open(server, { transport: TRANSPORTS[index % 2] ?? 'http', token, port: target.port }),
    );
    clients.push(...(await Promise.all(batch)));
  }
  expect(server.gateway.tunnels).toBe(SESSIONS);
  expect(server.gateway.connections).toBe(1.5 * SESSIONS);
  // The target accepts a connection a moment after the gateway has opened it.
  await eventually(() => target.open === SESSIONS);

  for (const client of clients) client.send(MESSAGE);
  await Promise.all(
    clients.map(async (client) => {
      const got = await client.waitForBytes(MESSAGE.length);
      expect(got.equals(MESSAGE)).toBe(true);
    }),
  );

  const closing = clients.slice(0, (3 * SESSIONS) / 4);
  for (const [index, client] of closing.entries()) CLOSES[index % CLOSES.length]?.(client);
  await eventually(() => server.gateway.tunnels === SESSIONS - closing.length);
  for (const socket of target.sockets) socket.end();
  await server.idle();
  await eventually(() => target.open === 0);
  expect(server.lines('session.ended')).toHaveLength(SESSIONS);
  const moved = server.lines('session.ended').map(({ received, sent }) => [received, sent]);
  expect(new Set(moved.map(String))).toEqual(new Set([`${MESSAGE.length},${MESSAGE.length}`]));
  for (const client of clients) client.pipe.close();
  server.clearLog();
  target.sockets.length = 0;
}

describe('500 sessions at once', () => {
  it('transfer their data and leak nothing, in every round', { timeout: 120_000 }, async () => {
    const server = await testGateway({ timeouts: { close: 1 }, limits: { tunnelsPerUser: SESSIONS } });
    const target = await echoTarget();
    const before = activeResources();
    let settled = 0;
    for (let count = 0; count < ROUNDS; count++) {
      await round(server, target);
      if (count === 0) settled = await memoryInUse();
    }
    expect((await memoryInUse()) - settled).toBeLessThan(GROWTH_MAX);
    await eventually(() => Object.entries(activeResources()).every(([kind, count]) => count <= (before[kind] ?? 0)));
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    await server.stop();
    await target.stop();
  });
});
