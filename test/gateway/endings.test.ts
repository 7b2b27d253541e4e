import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESULT } from '../../src/protocol/index.js';
import { RawClient, TRANSPORTS, tcpOf } from '../support/client.js';
import { type LogLine, type TestGateway, testGateway } from '../support/gateway.js';
import { collectUntilEnd, type TestTarget, testTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

describe.each(TRANSPORTS)('the end of a session over %s', (transport) => {
  let server: TestGateway;
  let target: TestTarget;
  beforeAll(async () => {
    server = await testGateway({ timeouts: { close: 0.3 } });
    target = await testTarget();
  });
  afterAll(async () => {
    await server.stop();
    await target.stop();
  });

  interface Session {
    readonly client: RawClient;
    readonly far: Socket;
    readonly id: string;
    /** The log line of the end of the session; fails when there is more than one. */
    end(): Promise<LogLine>;
  }

  async function session(): Promise<Session> {
    const id = randomUUID();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port, connectionId: id });
    const far = await target.socket(target.count - 1);
    const isOwn = ({ connection }: LogLine): boolean => connection === id;
    return {
      client,
      far,
      id,
      async end() {
        const line = await server.line('session.ended', isOwn);
        await server.idle();
        expect(server.lines('session.ended').filter(isOwn)).toHaveLength(1);
        return line;
      },
    };
  }

  it('by FIN of the target: all its bytes, CLOSE_CHANNEL 0, then the gateway closes', async () => {
    const { client, far, end } = await session();
    const sent = randomBytes(500_000);
    far.end(sent);
    expect((await client.until('closed')).code).toBe(0);
    expect(client.received.equals(sent)).toBe(true);
    await client.ended();
    const line = await end();
    expect(line).toMatchObject({ cause: 'target closed', sent: sent.length, received: 0, target: target.name });
    expect(line.seconds).toBeGreaterThanOrEqual(0);
    expect(line.user).toBe('alice');
  });

  it('by FIN of a target before any bytes', async () => {
    const { client, far } = await session();
    far.end();
    expect((await client.until('closed')).code).toBe(0);
    await client.ended();
  });

  it('by reset of the target: CLOSE_CHANNEL 0xA0', async () => {
    const { client, far, end } = await session();
    far.resetAndDestroy();
    expect((await client.until('closed')).code).toBe(RESULT.ERROR_BAD_ARGUMENTS);
    await client.ended();
    expect(await end()).toMatchObject({ cause: 'target reset', target: target.name });
  });

  it('by a target that accepts and resets at once', async () => {
    const resetting = await testTarget((socket) => socket.resetAndDestroy());
    const token = await server.token(resetting.name);
    const client = await RawClient.start(server, { transport, token, port: resetting.port });
    await client.ended();
    // The result depends on whether the reset arrives before the gateway has seen the connection.
    const { do: what, ...more } = client.effects.at(-1) ?? { do: undefined };
    if (what === 'closed') expect(more).toEqual({ code: RESULT.ERROR_BAD_ARGUMENTS });
    else expect(more).toMatchObject({ code: RESULT.E_PROXY_TS_CONNECTFAILED });
    await resetting.stop();
  });

  it('by a target that ends while its client sends: the bytes of the target still arrive', async () => {
    const { client, far } = await session();
    const sent = randomBytes(200_000);
    far.end(sent);
    for (let count = 0; count < 20; count++) client.send(randomBytes(10_000));
    expect((await client.until('closed')).code).toBe(0);
    expect(client.received.equals(sent)).toBe(true);
    await client.ended();
  });

  it('by a client that does not answer CLOSE_CHANNEL: it is cut after timeouts.close', async () => {
    const { client, far, end } = await session();
    const { send } = client.pipe;
    client.pipe.send = () => undefined;
    far.end();
    await client.until('closed');
    await client.ended();
    client.pipe.send = send;
    expect(await end()).toMatchObject({ cause: 'target closed' });
  });

  const closes: readonly [string, (client: RawClient) => void, string][] = [
    [
      'FIN',
      ({ pipe }) => {
        for (const socket of pipe.sockets) socket.end();
      },
      'client closed',
    ],
    [
      'reset',
      ({ pipe }) => {
        for (const socket of pipe.sockets) tcpOf(socket).resetAndDestroy();
      },
      'client reset',
    ],
    [
      'a dropped connection without close_notify',
      ({ pipe }) => {
        for (const socket of pipe.sockets) tcpOf(socket).destroy();
      },
      'client closed',
    ],
  ];
  it.each(closes)('by %s of the client: the connection to the target ends too', async (_, close, cause) => {
    const { client, far, end } = await session();
    const got = collectUntilEnd(far);
    client.send(Buffer.from('hello'));
    far.write('world');
    await client.waitForBytes(5);
    await eventually(() => far.bytesRead === 5);
    close(client);
    expect((await got).toString()).toBe('hello');
    far.end();
    await once(far, 'close');
    expect(await end()).toMatchObject({ cause, received: 5, sent: 5 });
  });

  it('by FIN of the client: its last bytes still reach the target', async () => {
    for (let round = 0; round < 10; round++) {
      const { client, far, end } = await session();
      const got = collectUntilEnd(far);
      const sent = randomBytes(200_000);
      client.send(sent);
      for (const socket of client.pipe.sockets) socket.end();
      expect((await got).equals(sent)).toBe(true);
      expect(await end()).toMatchObject({ received: sent.length });
    }
  });

  it('by FIN of a client whose bytes the target is slow to read', async () => {
    const { client, far } = await session();
    far.pause();
    const sent = randomBytes(4_000_000);
    client.send(sent);
    for (const socket of client.pipe.sockets) socket.end();
    far.resume();
    expect((await collectUntilEnd(far)).equals(sent)).toBe(true);
  });

  it('by a client that disconnects while the target reads nothing: the next keep-alives detect it', async () => {
    const other = await testGateway({ timeouts: { close: 0.3, keepAlive: 0.05 } });
    const token = await other.token(target.name);
    const client = await RawClient.open(other, { transport, token, port: target.port });
    const far = await target.socket(target.count - 1);
    far.pause();
    const block = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 24; count++) client.send(block);
    await eventually(() => client.pipe.up.writableLength > 0);
    for (const socket of client.pipe.sockets) tcpOf(socket).destroy();
    await other.line('session.ended');
    await other.idle();
    await other.stop();
  });

  it('during the set-up: no connection remains', async () => {
    const token = await server.token(target.name);
    const before = target.count;
    for (const states of [1, 2, 3]) {
      const client = await RawClient.start(server, { transport, token, port: target.port });
      await client.when(() => client.pieces.length >= states);
      client.pipe.close();
    }
    await server.idle();
    await eventually(() => target.sockets.slice(before).every((socket) => socket.readableEnded || socket.destroyed));
  });
});
