import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChannelForwarding, newSecret } from '../../../src/gateway/cluster/forward.js';
import { jsonLine, readLine } from '../../../src/gateway/io/json-line.js';
import { gone, joinIn, openOut, RawClient, rdgHead, remainder, tcpOf, tlsSocket } from '../../support/client.js';
import type { TestGateway } from '../../support/gateway.js';
import { testPair } from '../../support/site.js';
import { echoTarget, everything, type TestTarget, testTarget } from '../../support/target.js';
import { eventually, sleep } from '../../support/wait.js';

/** A session whose IN leg came to another process than its OUT leg. */
async function across(server: TestGateway, target: TestTarget): Promise<RawClient> {
  const id = randomUUID();
  const token = await server.token(target.name);
  const pipe = await joinIn(await openOut(await tlsSocket(server), id), await tlsSocket(server), id);
  const client = new RawClient(pipe, { token, port: target.port });
  client.start();
  await client.until('opened');
  return client;
}

describe('a session over two processes', () => {
  it('carries megabytes both ways, and loses nothing', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const client = await across(server, target);
    const sent = randomBytes(4 * 1024 * 1024);
    client.send(sent);
    expect((await client.gets(sent.length)).equals(sent)).toBe(true);
    client.pipe.close();
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('stops a client whose target reads nothing', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await testTarget();
    const client = await across(server, target);
    const block = randomBytes(60_000);
    const { up } = client.pipe;
    let sent = 0;
    // Until the client's own socket has kept what it got for a while: nobody takes it any more.
    for (let full = 0; full < 20; full++) {
      await sleep(5);
      if (up.writableLength > 1_000_000) continue;
      client.send(block);
      sent += block.length;
      full = 0;
    }
    const got = everything(await target.socket(0));
    await eventually(() => up.writableLength === 0);
    up.end();
    expect((await got).length).toBe(sent);
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it.each([
    ['the client resets its IN leg', (client: RawClient) => void tcpOf(client.pipe.up).resetAndDestroy()],
    ['the client ends its IN leg', (client: RawClient) => void client.pipe.up.end()],
    ['the client drops its OUT leg', (client: RawClient) => void tcpOf(client.pipe.sockets[0]).destroy()],
  ])('ends on both when %s', async (_, leave) => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const client = await across(server, target);
    leave(client);
    expect(await server.line('session ended')).toMatchObject({ cause: expect.stringMatching(/^client/) });
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('ends on both when the client has said everything before its legs have met', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const id = randomUUID();
    const out = await openOut(await tlsSocket(server), id);
    const { port, ca } = server;
    const held: Buffer[] = [];
    let hold = false;
    const between = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      far.pipe(near);
      near.on('data', (bytes) => void (hold ? held.push(bytes) : far.write(bytes)));
      near.on('end', () => far.end(Buffer.concat(held)));
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    const socket = await tlsSocket({ port: (between.address() as AddressInfo).port, ca });
    // The head of the IN leg and its end arrive as one: the end is there before the other process has answered.
    hold = true;
    socket.end(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
    socket.resume();
    await remainder(out.socket);
    await gone(socket);
    await server.idle();
    await server.stop();
  });

  it('ends on both when its target ends', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await testTarget();
    const client = await across(server, target);
    (await target.socket(0)).end();
    await client.ended();
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('is no stranger on either side once its user is known', async () => {
    const server = await testPair({ limits: { handshakes: 2 } });
    const target = await echoTarget();
    for (let count = 0; count < 3; count++) await across(server, target);
    expect(server.gateway.connections).toBe(6);
    await server.stop();
    await target.stop();
  });
});

describe('the way between processes', () => {
  const secret = newSecret();
  const nobody = { add: async () => undefined, remove: () => undefined, find: async () => undefined };
  const options = {
    secret,
    registry: nobody,
    timeouts: () => ({ pairing: 1, close: 0.1 }),
    forwarded: () => undefined,
  };
  let folder: string;
  let address: string;
  let crossing: ChannelForwarding;
  let asked: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rdgw-crossing-'));
    address = join(folder, '1.sock');
    crossing = new ChannelForwarding({ ...options, address });
    asked = [];
    await crossing.listen(async (connectionId) => {
      asked.push(connectionId);
      return { status: 503, reason: 'no room', headers: { 'Retry-After': '30' } };
    });
  });
  afterEach(() => {
    crossing.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['another secret', jsonLine({ secret: newSecret(), connectionId: 'x', peer: 'y' })],
    ['no secret', jsonLine({ connectionId: 'x', peer: 'y' })],
    ['an array', '[]\n'],
    ['garbage', 'GET / HTTP/1.1\r\n\r\n'],
  ])('is closed for who brings %s, without an answer', async (_, text) => {
    const socket = connect(address);
    socket.end(text);
    await expect(readLine(socket, 5000)).rejects.toThrow(/gone/);
    expect(asked).toEqual([]);
  });

  it('carries the refusal of the other side whole', async () => {
    const other = new ChannelForwarding({
      ...options,
      address: join(folder, '2.sock'),
      registry: { ...nobody, find: async () => address },
    });
    const refusal = { status: 503, reason: 'no room', headers: { 'Retry-After': '30' } };
    expect(await other.claim('id', 'peer')).toEqual(refusal);
    expect(asked).toEqual(['id']);
  });

  it('to a process that is gone leads nowhere', async () => {
    const lost = join(folder, 'lost.sock');
    const other = new ChannelForwarding({ ...options, address: '', registry: { ...nobody, find: async () => lost } });
    expect(await other.claim('id', 'peer')).toBeUndefined();
  });

  it('ends what waits there when the process closes', async () => {
    const socket = connect(address);
    await once(socket, 'connect');
    // Until the other side has it too.
    socket.write(jsonLine({}).slice(0, 1));
    await sleep(20);
    crossing.close();
    socket.resume();
    await once(socket, 'close');
  });
});
