import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapData } from '../../src/protocol/data.js';
import { RawClient, TRANSPORTS } from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { type TestTarget, testTarget } from '../support/target.js';

/** More bytes than the system buffers for two connections. */
const TOO_MUCH = Buffer.alloc(32 * 1024 * 1024, 'x');

describe.each(TRANSPORTS)('a peer that takes nothing, over %s', (transport) => {
  let server: TestGateway;
  let target: TestTarget;
  beforeAll(async () => {
    server = await testGateway({ timeouts: { stall: 0.4, close: 0.3 } });
    target = await testTarget((socket) => socket.pause());
  });
  afterAll(async () => {
    await server.stop();
    await target.stop();
  });

  async function session(): Promise<{ client: RawClient; far: Socket }> {
    const client = await RawClient.open(server, {
      transport,
      token: await server.token(target.name),
      port: target.port,
    });
    const far = await target.socket(target.count - 1);
    far.on('error', () => undefined);
    for (const socket of client.pipe.sockets) socket.on('error', () => undefined);
    server.clearLog();
    return { client, far };
  }

  it('is cut when it is the client, and the session ends', async () => {
    const { client, far } = await session();
    client.pipe.sockets[0].pause();
    far.write(TOO_MUCH);
    expect(await server.line('session.ended')).toMatchObject({ cause: 'client stalled' });
    await server.idle();
    client.pipe.close();
  });

  it('is cut when it is the target, and the session ends', async () => {
    const { client } = await session();
    wrapData(TOO_MUCH, (pdu) => client.pipe.send(pdu));
    expect(await server.line('channel.closed')).toMatchObject({ cause: 'target stalled' });
    expect(await server.line('session.ended')).toMatchObject({ cause: 'target stalled' });
    client.pipe.close();
    await server.idle();
  });

  it('is not cut while nothing waits for it', async () => {
    const { client, far } = await session();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const news = new Promise<string>((resolve) => {
      client.sink = (bytes) => resolve(bytes.toString());
    });
    far.write('news');
    expect(await news).toBe('news');
    expect(server.lines('session.ended')).toEqual([]);
    client.pipe.close();
    await server.idle();
  });
});
