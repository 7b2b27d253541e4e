import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { EventLoop } from '../../src/gateway/admission/event-loop.js';
import { targetOpener } from '../../src/gateway/target/dial.js';
import { anyAuthenticator } from '../../src/policy/builtin.js';
import { createGuard } from '../../src/policy/guard.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { parseRule } from '../../src/policy/rules.js';
import type { Identity } from '../../src/policy/types.js';
import { PKT_TYPE, RESULT } from '../../src/protocol/index.js';
import {
  type HttpResponse,
  openIn,
  openOut,
  openPipe,
  RawClient,
  rdgHead,
  readResponse,
  remainder,
  request,
  TRANSPORTS,
  tlsSocket,
  upgradeHeaders,
} from '../support/client.js';
import { testGateway as oneProcess, type TestGateway } from '../support/gateway.js';
import { collectGarbage } from '../support/memory.js';
import { testGatewayOrPair as testGateway } from '../support/site.js';
import { closedPort, echoTarget, silentPort, type TestTarget, testTarget } from '../support/target.js';
import { eventually, sleep } from '../support/wait.js';

/** A TCP connection that sends nothing. */
async function silent({ port }: TestGateway, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** A session with an echo target. */
async function session(server: TestGateway): Promise<{ client: RawClient; target: TestTarget }> {
  const target = await echoTarget();
  const token = await server.token(target.name);
  return { client: await RawClient.open(server, { transport: 'websocket', token, port: target.port }), target };
}

const closed = async (socket: Socket): Promise<void> => {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
};

/** A new connection whose health check is answered with 200; the gateway closes it. */
async function healthy(server: TestGateway, from?: string): Promise<Socket> {
  const socket = await tlsSocket(server, from);
  const answer = await request(socket, ['GET /healthz HTTP/1.1', 'Host: localhost', 'Connection: close']);
  expect(answer.status).toBe(200);
  return socket;
}

/** The response to a connection that is rejected by a limit. */
async function rejected(server: TestGateway): Promise<HttpResponse> {
  const socket = await tlsSocket(server);
  const answer = await request(socket, ['GET /healthz HTTP/1.1', 'Host: localhost']);
  await remainder(socket);
  return answer;
}

describe('limits.connections', () => {
  it('includes authenticated connections, rejects further ones with a reason, and keeps open sessions', async () => {
    const server = await testGateway({ limits: { connections: 2 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport: 'http', token, port: target.port });
    const { head, status } = await rejected(server);
    expect(status).toBe(503);
    expect(head).toMatch(/\r\nConnection: close\r\nRetry-After: \d+\r\n/);
    expect(await server.line('connection.rejected')).toMatchObject({ reason: 'limits.connections' });
    client.send(Buffer.from('hello'));
    expect((await client.waitForBytes(5)).toString()).toBe('hello');
    client.pipe.close();
    await server.idle();
    const next = await RawClient.open(server, { transport: 'http', token, port: target.port });
    next.pipe.close();
    await server.idle();
    const { ended, ...counts } = server.gateway.counts();
    expect(counts).toMatchObject({ sessions: 0, opened: 2, received: 5, sent: 5, connections: 0, handshakes: 0 });
    expect(counts.rejected).toEqual({ 'limits.connections': 1 });
    expect(Object.values(ended).reduce((sum, count) => sum + count, 0)).toBe(2);
    await server.stop();
    await target.stop();
  });
});

describe('limits.connectionsPerAddress', () => {
  it('leaves slots for other addresses', async () => {
    const server = await testGateway({ limits: { connectionsPerAddress: 1 } });
    const { client, target } = await session(server);
    expect((await rejected(server)).status).toBe(503);
    expect(await server.line('connection.rejected')).toMatchObject({ reason: 'limits.connectionsPerAddress' });
    await closed(await healthy(server, '127.0.0.9'));
    client.pipe.close();
    await server.stop();
    await target.stop();
  });

  it('closes connections without an answer when no rejection slot is free', async () => {
    // Each process has its own rejection slots.
    const server = await oneProcess({ limits: { connectionsPerAddress: 1 } });
    const { client, target } = await session(server);
    const statuses = [];
    for (let count = 0; count < 16; count++) statuses.push((await rejected(server)).status);
    expect(new Set(statuses)).toEqual(new Set([503]));
    const cut = await silent(server);
    await closed(cut);
    expect(server.gateway.connections).toBe(1);
    expect(server.lines('connection.rejected')).toHaveLength(1);
    client.pipe.close();
    await server.stop();
    await target.stop();
  });
});

describe('limits.loopDelay', () => {
  it('exceeded rejects new connections and tunnels, and keeps open sessions', async () => {
    let overloaded = false;
    const delay = { mean: 0.3, p50: 0.2, p99: 0.5, max: 0.7 };
    const loop: EventLoop = {
      get overloaded() {
        return overloaded;
      },
      delay: () => delay,
      adjust: () => undefined,
      stop: () => undefined,
    };
    const server = await testGateway({ loop });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport: 'websocket', token, port: target.port });
    const monitor = await tlsSocket(server);
    const health = ['GET /healthz HTTP/1.1', 'Host: localhost'];
    expect((await request(monitor, health)).status).toBe(200);
    const before = await tlsSocket(server);
    overloaded = true;
    for (const answer of [await request(monitor, health), await rejected(server)]) {
      expect(answer.status).toBe(503);
      expect(answer.rest.toString()).toBe('overloaded\n');
    }
    const tunnel = await request(before, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()));
    expect(tunnel.status).toBe(503);
    client.send(Buffer.from('hello'));
    expect((await client.waitForBytes(5)).toString()).toBe('hello');
    expect(server.gateway.counts()).toMatchObject({
      sessions: 1,
      refused: { busy: 1 },
      rejected: { 'limits.loopDelay': 1 },
      loopDelay: delay,
    });
    overloaded = false;
    const later = await RawClient.open(server, { transport: 'websocket', token, port: target.port });
    for (const one of [client, later]) one.pipe.close();
    for (const socket of [monitor, before]) socket.destroy();
    await server.idle();
    await server.stop();
    await target.stop();
  });
});

describe('limits.handshakes', () => {
  it('ends an unauthenticated connection for a new one, and frees the slot of one that authenticates', async () => {
    const server = await testGateway({ limits: { handshakes: 3 } });
    const target = await echoTarget();
    const [first, second] = [await silent(server), await silent(server)];
    // The third slot goes to a client that authenticates, and is free again after that.
    const token = await server.token(target.name);
    const clients: RawClient[] = [];
    for (let count = 0; count < 3; count++) {
      clients.push(await RawClient.open(server, { transport: 'websocket', token, port: target.port }));
    }
    expect([first.closed, second.closed]).toEqual([false, false]);
    const third = await silent(server);
    await closed(await healthy(server));
    expect([first.closed, second.closed, third.closed]).toEqual([true, false, false]);
    expect(await server.line('connection.evicted')).toMatchObject({ reason: 'limits.handshakes', total: 1 });
    expect(server.lines('connection.rejected')).toEqual([]);
    for (const client of clients) {
      client.send(Buffer.from('hello'));
      expect((await client.waitForBytes(5)).toString()).toBe('hello');
    }
    for (const socket of [second, third]) socket.destroy();
    for (const client of clients) client.pipe.close();
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('counts both connections of the dual channel until its user is authenticated', async () => {
    const server = await testGateway({ limits: { handshakes: 2 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const clients: RawClient[] = [];
    for (let count = 0; count < 3; count++) {
      clients.push(await RawClient.open(server, { transport: 'http', token, port: target.port }));
    }
    expect(server.gateway.connections).toBe(6);
    await server.stop();
    await target.stop();
  });
});

describe('limits.handshakesPerAddress', () => {
  it('ends one of the same address for a new one, and leaves those of other addresses', async () => {
    const server = await testGateway({ limits: { handshakes: 10, handshakesPerAddress: 2 } });
    const other = await silent(server, '127.0.0.9');
    const sockets = [await silent(server), await silent(server)];
    const newer = await healthy(server);
    await closed(sockets[0] as Socket);
    expect([other.closed, sockets[1]?.closed]).toEqual([false, false]);
    expect(await server.line('connection.evicted')).toMatchObject({
      reason: 'limits.handshakesPerAddress',
      peer: '127.0.0.1',
    });
    await closed(await healthy(server, '127.0.0.9'));
    for (const socket of [...sockets, other, newer]) socket.destroy();
    await server.stop();
  });
});

describe('limits.handshakeRate', () => {
  it('delays TLS handshakes beyond it for a moment, and rejects none', async () => {
    const server = await testGateway({ limits: { handshakeRate: 4 } });
    await Promise.all(Array.from({ length: 8 }, async () => closed(await healthy(server))));
    expect(server.lines('handshake.delayed').length).toBeGreaterThan(0);
    expect(server.gateway.counts().rejected).toEqual({});
    await server.stop();
  });
});

describe('timeouts.identity', () => {
  it.each(TRANSPORTS)('frees the slot of an unauthenticated client over %s that sends nothing', async (transport) => {
    const server = await testGateway({ limits: { handshakes: 2 }, timeouts: { identity: 0.3, close: 0.2 } });
    const target = await echoTarget();
    const token = await server.token(target.name);
    const pipe = await openPipe(server, { transport });
    expect(await server.line('session.ended')).toMatchObject({ cause: 'identity timeout' });
    await server.idle();
    const client = await RawClient.open(server, { transport, token, port: target.port });
    await sleep(500);
    client.send(Buffer.from('hello'));
    expect((await client.waitForBytes(5)).toString()).toBe('hello');
    for (const one of [pipe, client.pipe]) one.close();
    await server.stop();
    await target.stop();
  });
});

describe('limits.tunnels', () => {
  it.each(TRANSPORTS)(
    'answers a tunnel over %s that exceeds it with 503, and keeps open sessions',
    async (transport) => {
      const server = await testGateway({ limits: { tunnels: 2 }, timeouts: { close: 0.3 } });
      const target = await echoTarget();
      const token = await server.token(target.name);
      const open = () => RawClient.open(server, { transport, token, port: target.port });
      const clients = [await open(), await open()];
      const upgrade = transport === 'websocket' ? upgradeHeaders() : [];
      const answer = await request(await tlsSocket(server), rdgHead('RDG_OUT_DATA', randomUUID(), upgrade));
      expect(answer.status).toBe(503);
      expect(answer.head).toMatch(/\r\nRetry-After: \d+/);
      expect(server.lines('request.rejected')).toMatchObject([{ status: 503, reason: 'limits.tunnels is reached' }]);
      for (const client of clients) {
        client.send(Buffer.from('hello'));
        expect((await client.waitForBytes(5)).toString()).toBe('hello');
      }
      clients[0]?.pipe.close();
      await server.line('session.ended');
      // The slot is free a moment later, when the connection to the target is closed as well.
      for (const before = clients.length; clients.length === before; )
        await open().then(
          (client) => clients.push(client),
          () => undefined,
        );
      for (const client of clients) client.pipe.close();
      await server.stop();
      await target.stop();
    },
  );

  it('holds for channel pairs that were accepted before it was reached', async () => {
    const server = await testGateway({ limits: { tunnels: 1 }, timeouts: { close: 0.3 } });
    const pairs = [];
    for (const id of [randomUUID(), randomUUID(), randomUUID()]) {
      await openOut(await tlsSocket(server), id);
      const socket = await tlsSocket(server);
      expect((await request(socket, rdgHead('RDG_IN_DATA', id, ['Content-Length: 0']))).status).toBe(200);
      pairs.push({ id, socket });
    }
    for (const { id, socket } of pairs) {
      socket.write(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
    }
    const refused = (): number => server.gateway.counts().refused.busy ?? 0;
    await eventually(() => refused() === 2);
    expect(server.gateway.tunnels).toBe(1);
    await server.stop();
  });

  it('holds for OUT channels that were accepted before it was reached', async () => {
    const server = await testGateway({ limits: { tunnels: 1 }, timeouts: { close: 0.3 } });
    const ids = [randomUUID(), randomUUID()];
    const outs = [];
    for (const id of ids) outs.push(await openOut(await tlsSocket(server), id));
    const [first, second] = outs;
    if (!first || !second) throw new Error();
    await openIn(first, await tlsSocket(server), ids[0] ?? '');
    await eventually(() => server.gateway.tunnels === 1);
    const late = (): Promise<HttpResponse> =>
      tlsSocket(server).then((socket) =>
        request(socket, rdgHead('RDG_IN_DATA', ids[1] ?? '', ['Transfer-Encoding: chunked'])),
      );
    expect((await late()).status).toBe(503);
    // The OUT channel waits on: its client may try again.
    expect((await late()).status).toBe(503);
    expect(server.gateway.tunnels).toBe(1);
    first.socket.destroy();
    await eventually(() => server.gateway.tunnels === 0);
    await openIn(second, await tlsSocket(server), ids[1] ?? '');
    await eventually(() => server.gateway.tunnels === 1);
    await server.stop();
  });
});

describe('limits.tunnelsPerUser', () => {
  it.each(TRANSPORTS)('refuses a further tunnel of the user over %s, and leaves room for others', async (transport) => {
    const server = await testGateway({ limits: { tunnels: 4, tunnelsPerUser: 2 }, timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const tokenOf = (user: string): Promise<string> => server.token(target.name, { user });
    const open = async (user: string): Promise<RawClient> =>
      RawClient.open(server, { transport, token: await tokenOf(user), port: target.port });
    const clients = [await open('alice'), await open('ALICE')];
    const third = await RawClient.start(server, { transport, token: await tokenOf('Alice'), port: target.port });
    expect(await third.until('refused')).toMatchObject({
      packetType: PKT_TYPE.TUNNEL_RESPONSE,
      code: RESULT.E_PROXY_MAXCONNECTIONSREACHED,
    });
    await third.ended();
    expect(server.lines('session.refused')).toMatchObject([
      { level: 'warn', user: 'Alice', reason: 'limits.tunnelsPerUser is reached' },
    ]);
    expect(server.lines('authentication.succeeded')).toHaveLength(2);
    expect(server.gateway.counts().refused).toEqual({ busy: 1 });
    clients.push(await open('bob'));
    for (const client of clients) {
      client.send(Buffer.from('hello'));
      expect((await client.waitForBytes(5)).toString()).toBe('hello');
    }
    for (const client of clients) client.pipe.close();
    await server.idle();
    await eventually(() => target.open === 0);
    // Each slot was released once: there are two again, and not three.
    const again = await Promise.allSettled([open('alice'), open('alice'), open('alice')]);
    expect(again.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    for (const result of again) if (result.status === 'fulfilled') result.value.pipe.close();
    await server.stop();
    await target.stop();
  });

  it.each(TRANSPORTS)(
    'is no limit over %s where every token is accepted, since nobody has a name',
    async (transport) => {
      const guard = createGuard({ authenticator: anyAuthenticator(), deadline: 10_000, builtIn: true });
      const server = await testGateway({ guard, allow: ['127.0.0.1:*'], limits: { tunnelsPerUser: 1 } });
      const target = await echoTarget();
      const open = () => RawClient.open(server, { transport, token: 'x', port: target.port });
      for (const client of [await open(), await open()]) client.pipe.close();
      await server.stop();
      await target.stop();
    },
  );
});

describe('limits of a head', () => {
  it.each(['RDG_OUT_DATA', 'GET'])('too large is answered with 431 (%s)', async (method) => {
    const server = await testGateway({ limits: { headBytes: 4096 } });
    const socket = await tlsSocket(server);
    const lines = [...rdgHead(method, randomUUID()), `X-Padding: ${'x'.repeat(5000)}`];
    expect((await request(socket, lines)).status).toBe(431);
    await remainder(socket);
    await server.idle();
    await server.stop();
  });

  it('with too many fields is answered with 431', async () => {
    const server = await testGateway({ limits: { headFields: 20 } });
    const socket = await tlsSocket(server);
    const fields = Array.from({ length: 30 }, (_, index) => `X-${index}: x`);
    expect((await request(socket, [...rdgHead('RDG_OUT_DATA', randomUUID()), ...fields])).status).toBe(431);
    await server.stop();
  });

  it('too large is answered while TLS still sends its session tickets', async () => {
    const server = await testGateway({ limits: { headBytes: 4096 } });
    const answers = Array.from({ length: 10 }, async () =>
      request(await tlsSocket(server), ['GET / HTTP/1.1', 'Host: localhost', `X-Padding: ${'x'.repeat(5000)}`]),
    );
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(new Array(10).fill(431));
    await server.stop();
  });

  it('leave nothing behind when the client ends within its head', async () => {
    const server = await testGateway({ timeouts: { close: 60, head: 60 } });
    const sockets = await Promise.all(Array.from({ length: 50 }, () => tlsSocket(server)));
    for (const socket of sockets) socket.resume().end('GET / HTTP/1.1\r\nHo');
    await server.idle();
    await server.stop();
  });

  it('are not reached by a Kerberos ticket of 48 KiB', async () => {
    const server = await testGateway();
    const socket = await tlsSocket(server);
    const ticket = `Authorization: Negotiate ${'YII'.repeat(16_000)}`;
    expect((await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), [ticket]))).status).toBe(401);
    await server.stop();
  });
});

describe('timeouts', () => {
  it('tls: a connection that sends nothing is cut', async () => {
    const server = await testGateway({ timeouts: { tls: 0.1 } });
    await closed(await silent(server));
    await server.line('tls.failed');
    await server.idle();
    await server.stop();
  });

  it('tls: a connection that sends something other than TLS is cut at once', async () => {
    const server = await testGateway();
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x00\x05hello', '\0'.repeat(100)]) {
      const socket = await silent(server);
      socket.write(bytes, 'latin1');
      await closed(socket);
    }
    await server.idle();
    await server.stop();
  });

  it('head: a connection that sends nothing after its handshake is cut without an answer', async () => {
    const server = await testGateway({ timeouts: { head: 0.1 } });
    const socket = await tlsSocket(server);
    expect(await remainder(socket)).toHaveLength(0);
    await server.idle();
    await server.stop();
  });

  it.each([
    ['RDG_OUT_DATA', rdgHead('RDG_OUT_DATA', randomUUID()).join('\r\n')],
    ['GET', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
  ])('head: a head that arrives too slowly is cut (%s)', async (_, text) => {
    const server = await testGateway({ timeouts: { head: 0.2, close: 0.3 } });
    const socket = await tlsSocket(server);
    socket.write(text);
    const timer = setInterval(() => socket.write('x'), 20);
    expect((await readResponse(socket)).status).toBe(408);
    clearInterval(timer);
    await remainder(socket);
    socket.destroy();
    await server.idle();
    await server.stop();
  });

  it.each(TRANSPORTS)('setup: a tunnel over %s that makes no progress is ended', async (transport) => {
    const server = await testGateway({ timeouts: { setup: 0.15, close: 0.3 } });
    const token = await server.token('127.0.0.1:1');
    const pipe = await openPipe(server, { transport });
    pipe.onBytes(() => undefined);
    const client = await RawClient.start(server, { transport, token });
    const { send } = client.pipe;
    let sent = 0;
    // Stops before CHANNEL_CREATE, and then sends only keep-alives.
    client.pipe.send = (pdu) => void (++sent < 3 && send(pdu));
    const keepAlives = setInterval(() => send(Buffer.from('0d00000008000000', 'hex')), 20);
    await client.ended();
    clearInterval(keepAlives);
    await eventually(() => server.lines('session.ended').length === 2);
    expect(server.lines('session.ended').map(({ cause }) => cause)).toEqual(['set-up timeout', 'set-up timeout']);
    pipe.close();
    await server.idle();
    await server.stop();
  });

  it.each(TRANSPORTS)('setup: a tunnel over %s whose channel was closed is ended too', async (transport) => {
    const server = await testGateway({ timeouts: { setup: 0.3, close: 0.3 } });
    const target = await testTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    client.closeChannel();
    await client.ended();
    expect(await server.line('session.ended')).toMatchObject({ cause: 'set-up timeout' });
    await server.stop();
    await target.stop();
  });

  it.each(TRANSPORTS)('dial: a target that does not answer over %s', async (transport) => {
    const server = await testGateway({ timeouts: { dial: 0.2 } });
    const silentTarget = await silentPort();
    const token = await server.token(`127.0.0.1:${silentTarget.port}`);
    const client = await RawClient.start(server, { transport, token, port: silentTarget.port });
    expect(await client.until('refused')).toMatchObject({
      packetType: PKT_TYPE.CHANNEL_RESPONSE,
      code: RESULT.E_PROXY_TS_CONNECTFAILED,
    });
    expect((await server.line('channel.refused')).reason).toMatch(/no answer within 0.2 s/);
    await client.ended();
    await server.stop();
    silentTarget.stop();
  });

  it.each(TRANSPORTS)('dial: a client over %s that disconnects aborts the dial', async (transport) => {
    const server = await testGateway({ timeouts: { dial: 60, keepAlive: 0.05 } });
    const silentTarget = await silentPort();
    const token = await server.token(`127.0.0.1:${silentTarget.port}`);
    const client = await RawClient.start(server, { transport, token, port: silentTarget.port });
    await server.line('authentication.succeeded');
    client.pipe.close();
    await server.line('session.ended');
    await server.idle();
    await server.stop();
    silentTarget.stop();
  });
});

describe('the time for all targets together', () => {
  const identity: Identity = {
    user: 'alice',
    groups: [],
    targets: undefined,
    local: true,
    until: undefined,
    method: 'test',
    clientName: undefined,
  };
  const rules = [parseRule('127.0.0.1:*'), parseRule('127.0.0.2:*')];

  it('ends even if the garbage collector runs while a target is dialled', async () => {
    const silentTarget = await silentPort();
    const open = targetOpener(
      { rules: new RuleSet(rules), authorize: undefined },
      { dial: 60_000, decision: 60_000, all: 300 },
    );
    const opened = open(identity, ['127.0.0.1', '127.0.0.2'], silentTarget.port, new AbortController().signal);
    for (let count = 0; count < 5; count++) {
      await sleep(20);
      collectGarbage();
    }
    expect(await opened).toMatchObject({ code: RESULT.E_PROXY_TS_CONNECTFAILED });
    silentTarget.stop();
  });

  it('continues with the next name when a decision takes too long, even if the garbage collector runs', async () => {
    const target = await testTarget();
    const authorize = async (_: Identity, { host }: { host: string }) =>
      host === '127.0.0.1' ? ({ allow: true } as const) : new Promise<never>(() => undefined);
    const open = targetOpener({ rules: new RuleSet(rules), authorize }, { dial: 1000, decision: 300, all: 60_000 });
    const opened = open(identity, ['127.0.0.2', '127.0.0.1'], target.port, new AbortController().signal);
    for (let count = 0; count < 5; count++) {
      await sleep(20);
      collectGarbage();
    }
    const result = await opened;
    expect(result).toMatchObject({ address: '127.0.0.1' });
    if ('relay' in result) result.relay.end(10);
    await target.stop();
  });

  it('returns the reason of each target', async () => {
    const port = await closedPort();
    const open = targetOpener(
      { rules: new RuleSet(rules), authorize: undefined },
      { dial: 1000, decision: 1000, all: 5000 },
    );
    const signal = new AbortController().signal;
    const result = await open(identity, ['127.0.0.1', '10.9.8.7'], port, signal);
    expect(result).toMatchObject({ code: RESULT.E_PROXY_TS_CONNECTFAILED });
    if ('reason' in result) expect(result.reason).toMatch(/ECONNREFUSED.*no rule/);
    const forbidden = await open(identity, ['10.9.8.7'], port, signal);
    expect(forbidden).toMatchObject({ code: RESULT.E_PROXY_RAP_ACCESSDENIED });
  });
});
