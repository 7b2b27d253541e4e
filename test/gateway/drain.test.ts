import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createGuard } from '../../src/policy/guard.js';
import { RESULT } from '../../src/protocol/index.js';
import {
  openOut,
  RawClient,
  rdgHead,
  remainder,
  request,
  TRANSPORTS,
  tlsSocket,
  upgradeHeaders,
} from '../support/client.js';
import { testGateway as oneProcess } from '../support/gateway.js';
import { testGatewayOrPair as testGateway } from '../support/site.js';
import { echoTarget, silentPort, testTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const HEALTH = ['GET /healthz HTTP/1.1', 'Host: localhost'];

describe.each(TRANSPORTS)('draining with sessions over %s', (transport) => {
  const upgrade = transport === 'websocket' ? upgradeHeaders() : [];

  it('takes no new ones, keeps the open ones, and ends them after the time limit', async () => {
    const server = await testGateway();
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    const monitor = await tlsSocket(server);
    expect((await request(monitor, HEALTH)).status).toBe(200);

    const drained = server.gateway.drain(500);
    expect((await request(monitor, HEALTH)).status).toBe(503);
    const late = await tlsSocket(server);
    const answer = await request(late, rdgHead('RDG_OUT_DATA', randomUUID(), upgrade));
    expect(answer.status).toBe(503);
    expect(answer.head).toMatch(/\r\nRetry-After: \d+/);
    await remainder(late);
    const browser = await tlsSocket(server);
    const get = [`GET /remoteDesktopGateway/?ConId=${randomUUID()} HTTP/1.1`, 'Host: x', ...upgradeHeaders()];
    expect((await request(browser, get)).status).toBe(503);
    client.send(Buffer.from('hello'));
    expect((await client.waitForBytes(5)).toString()).toBe('hello');
    expect(server.gateway.tunnels).toBe(1);

    expect((await client.until('closed')).code).toBe(RESULT.ERROR_CONNECTION_ABORTED);
    await client.ended();
    await drained;
    expect(await server.line('session.ended')).toMatchObject({ cause: 'closed by the gateway', received: 5, sent: 5 });
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    await expect(tlsSocket(server)).rejects.toThrow(/ECONNREFUSED/);
    await eventually(() => target.open === 0);
    await target.stop();
  });

  it('is complete as soon as the last session ends by itself', async () => {
    const server = await testGateway({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const clients = [0, 1].map(() => RawClient.open(server, { transport, token, port: target.port }));
    const [first, second] = await Promise.all(clients);
    const drained = server.gateway.drain(3_600_000);
    first?.pipe.close();
    await server.line('session.ended');
    target.sockets[0]?.end();
    target.sockets[1]?.end();
    await second?.ended();
    await drained;
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    await target.stop();
  });

  it('cuts a client that does not answer CLOSE_CHANNEL after timeouts.close', async () => {
    const server = await testGateway({ timeouts: { close: 0.2 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    client.pipe.send = () => undefined;
    await server.gateway.drain(0);
    await client.until('closed');
    expect(server.lines('session.ended')).toHaveLength(1);
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    await target.stop();
  });

  it('cuts a client that reads nothing', async () => {
    const server = await testGateway({ timeouts: { close: 0.2 } });
    const flood = await testTarget((socket) => {
      const write = (error?: Error | null): void => {
        if (!error) socket.write(Buffer.alloc(1024 * 1024), write);
      };
      write();
    });
    const token = await server.token(flood.name);
    const client = await RawClient.open(server, { transport, token, port: flood.port });
    client.pipe.sockets[0].pause();
    await server.gateway.drain(100);
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    client.pipe.close();
    await flood.stop();
  });

  it('counts no bytes that the target sends after CLOSE_CHANNEL', async () => {
    const server = await testGateway({ timeouts: { close: 0.3 } });
    const target = await testTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    client.pipe.send = () => undefined;
    const drained = server.gateway.drain(0);
    await client.until('closed');
    (await target.socket(0)).write('too late');
    await drained;
    expect(server.lines('session.ended')).toMatchObject([{ sent: 0 }]);
    await target.stop();
  });

  it('ends tunnels during their set-up', async () => {
    const silent = await silentPort();
    const guard = createGuard({
      authenticator: {
        name: 'slow',
        authenticate: ({ token }) =>
          token === 'hang' ? new Promise<never>(() => undefined) : { allow: true, user: 'alice' },
      },
      deadline: 60_000,
    });
    const server = await testGateway({ guard, allow: ['127.0.0.1:*'], timeouts: { close: 0.3, dial: 60 } });
    const waiting = await RawClient.start(server, { transport, token: 'hang' });
    const dialling = await RawClient.start(server, { transport, token: 'x', port: silent.port });
    await server.line('authentication.succeeded');
    await eventually(() => server.gateway.tunnels === 2);
    await server.gateway.drain(50);
    await Promise.all([waiting.ended(), dialling.ended()]);
    expect(server.lines('session.ended').map(({ cause }) => cause)).toEqual([
      'closed by the gateway',
      'closed by the gateway',
    ]);
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    silent.stop();
  });
});

describe('draining', () => {
  it('takes no tunnel whose OUT channel was accepted before', async () => {
    const server = await testGateway({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport: 'websocket', token, port: target.port });
    const id = randomUUID();
    await openOut(await tlsSocket(server), id);
    const inbound = await tlsSocket(server);
    expect((await request(inbound, rdgHead('RDG_IN_DATA', id, ['Content-Length: 0']))).status).toBe(200);
    const drained = server.gateway.drain(3_600_000);
    const answer = await request(inbound, rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']));
    expect(answer.status).toBe(503);
    expect(server.gateway.tunnels).toBe(1);
    client.pipe.close();
    await drained;
    await target.stop();
  });

  it('without sessions is complete at once, even with open connections', async () => {
    const server = await testGateway();
    const idle = await tlsSocket(server);
    const out = await openOut(await tlsSocket(server), randomUUID());
    const monitor = await tlsSocket(server);
    await request(monitor, HEALTH);
    await server.gateway.drain(3_600_000);
    await Promise.all([idle, out.socket, monitor].map(remainder));
    expect(server.gateway.connections).toBe(0);
  });

  it('twice, followed by close, is complete when the first drain is', async () => {
    const server = await testGateway({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport: 'websocket', token, port: target.port });
    const both = [server.gateway.drain(3_600_000), server.gateway.drain(3_600_000)];
    client.pipe.close();
    await Promise.all(both);
    await server.gateway.close();
    await target.stop();
  });

  it('closes the authenticator, once', async () => {
    let closes = 0;
    const authenticator = {
      name: 'counting',
      authenticate: () => ({ allow: false, reason: 'no' }) as const,
      close: () => {
        closes++;
      },
    };
    const server = await oneProcess({ guard: createGuard({ authenticator, deadline: 1000 }) });
    await server.gateway.drain(0);
    await server.gateway.close();
    expect(closes).toBe(1);
  });
});

describe('close', () => {
  it.each(TRANSPORTS)('cuts sessions over %s at once', async (transport) => {
    const server = await testGateway();
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    await server.gateway.close();
    await client.ended();
    expect([server.gateway.tunnels, server.gateway.connections]).toEqual([0, 0]);
    expect(server.lines('session.ended')).toHaveLength(1);
    await eventually(() => target.open === 0);
    await target.stop();
  });
});
