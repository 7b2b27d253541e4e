import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { echoTarget, type TestTarget } from '../support/target.js';

describe.each(['websocket', 'http'] as const)('a session over %s', (transport) => {
  let server: TestGateway;
  let target: TestTarget;
  beforeAll(async () => {
    server = await testGateway();
    target = await echoTarget();
  });
  afterAll(async () => {
    await server.stop();
    await target.stop();
  });

  it('carries bytes both ways, unchanged and in order', async () => {
    const token = await server.token(`127.0.0.1:${target.port}`);
    const client = await RawClient.open({ gatewayPort: server.port, ca: server.ca, transport, token, port: target.port });
    await client.until('opened');
    const sent = randomBytes(300_000);
    client.send(sent);
    await client.when(() => client.receivedBytes === sent.length);
    expect(client.received.equals(sent)).toBe(true);
    client.pipe.close();
  });
});
