import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChannelForwarding, newSecret } from '../../../src/gateway/cluster/forward.js';
import { jsonLine, readLine } from '../../../src/gateway/io/json-line.js';
import type { InChannel } from '../../../src/gateway/listener/pairing.js';
import {
  openIn,
  openOut,
  RawClient,
  rdgHead,
  remainder,
  tcpOf,
  tlsSocket,
  waitForClose,
} from '../../support/client.js';
import type { TestGateway } from '../../support/gateway.js';
import { testPair } from '../../support/site.js';
import { collectUntilEnd, echoTarget, type TestTarget, testTarget } from '../../support/target.js';
import { eventually, sleep } from '../../support/wait.js';

/** Opens a session whose IN channel is in another process than its OUT channel. */
async function forwardedSession(server: TestGateway, target: TestTarget): Promise<RawClient> {
  const id = randomUUID();
  const token = await server.token(target.name);
  const pipe = await openIn(await openOut(await tlsSocket(server), id), await tlsSocket(server), id);
  const client = new RawClient(pipe, { token, port: target.port });
  client.start();
  await client.until('opened');
  return client;
}

describe('a session over two processes', () => {
  it('transfers megabytes in both directions without loss', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const client = await forwardedSession(server, target);
    const sent = randomBytes(4 * 1024 * 1024);
    client.send(sent);
    expect((await client.waitForBytes(sent.length)).equals(sent)).toBe(true);
    client.pipe.close();
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('stops a client whose target reads nothing', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await testTarget();
    const client = await forwardedSession(server, target);
    const block = randomBytes(60_000);
    const { up } = client.pipe;
    let sent = 0;
    // Until the bytes have stayed in the client's own socket for a while: the gateway has stopped reading.
    for (let full = 0; full < 20; full++) {
      await sleep(5);
      if (up.writableLength > 1_000_000) continue;
      client.send(block);
      sent += block.length;
      full = 0;
    }
    const got = collectUntilEnd(await target.socket(0));
    await eventually(() => up.writableLength === 0);
    up.end();
    expect((await got).length).toBe(sent);
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it.each([
    ['the client resets its IN channel', (client: RawClient) => void tcpOf(client.pipe.up).resetAndDestroy()],
    ['the client ends its IN channel', (client: RawClient) => void client.pipe.up.end()],
    ['the client drops its OUT channel', (client: RawClient) => void tcpOf(client.pipe.sockets[0]).destroy()],
  ])('ends on both when %s', async (_, act) => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await echoTarget();
    const client = await forwardedSession(server, target);
    act(client);
    expect(await server.line('session.ended')).toMatchObject({ cause: expect.stringMatching(/^client/) });
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('ends on both when the client ends its IN channel before it is paired', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const id = randomUUID();
    const out = await openOut(await tlsSocket(server), id);
    const { port, ca } = server;
    const buffered: Buffer[] = [];
    let buffering = false;
    const proxy = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      far.pipe(near);
      near.on('data', (bytes) => void (buffering ? buffered.push(bytes) : far.write(bytes)));
      near.on('end', () => far.end(Buffer.concat(buffered)));
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const socket = await tlsSocket({ port: (proxy.address() as AddressInfo).port, ca });
    // The head of the IN channel and its end arrive together, so the end is there before the other process has
    // answered.
    buffering = true;
    socket.end(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
    socket.resume();
    await remainder(out.socket);
    await waitForClose(socket);
    await server.idle();
    await server.stop();
  });

  it('ends on both when its target ends', async () => {
    const server = await testPair({ timeouts: { close: 0.3 } });
    const target = await testTarget();
    const client = await forwardedSession(server, target);
    (await target.socket(0)).end();
    await client.ended();
    await server.idle();
    await server.stop();
    await target.stop();
  });

  it('counts as authenticated in both processes once its user is authenticated', async () => {
    const server = await testPair({ limits: { handshakes: 2 } });
    const target = await echoTarget();
    for (let count = 0; count < 3; count++) await forwardedSession(server, target);
    expect(server.gateway.connections).toBe(6);
    await server.stop();
    await target.stop();
  });
});

describe('the socket between processes', () => {
  const secret = newSecret();
  const emptyRegistry = { add: async () => undefined, remove: () => undefined, find: async () => 'absent' as const };
  const options = {
    secret,
    registry: emptyRegistry,
    timeouts: () => ({ close: 0.1 }),
    forwarded: () => undefined,
  };
  const inChannel: InChannel = {
    socket: new Socket(),
    framing: 'chunked',
    rest: Buffer.alloc(0),
    authenticated: () => undefined,
    completed: () => undefined,
  };
  let folder: string;
  let address: string;
  let forwarding: ChannelForwarding;
  let joined: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rdgw-forward-'));
    address = join(folder, '1.sock');
    forwarding = new ChannelForwarding({ ...options, address });
    joined = [];
    await forwarding.listen(async (key) => {
      joined.push(key);
      return { status: 503, code: 'BUSY', reason: 'no room', headers: { 'Retry-After': '30' } };
    });
  });
  afterEach(() => {
    forwarding.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['another secret', jsonLine({ secret: newSecret(), key: 'x y', framing: 'chunked' })],
    ['no secret', jsonLine({ key: 'x y', framing: 'chunked' })],
    ['an array', '[]\n'],
    ['garbage', 'GET / HTTP/1.1\r\n\r\n'],
  ])('is closed without an answer when it receives %s', async (_, text) => {
    const socket = connect(address);
    socket.end(text);
    await expect(readLine(socket, 5000)).rejects.toThrow(/gone/);
    expect(joined).toEqual([]);
  });

  it('returns the complete refusal of the other process', async () => {
    const other = new ChannelForwarding({
      ...options,
      address: join(folder, '2.sock'),
      registry: { ...emptyRegistry, find: async () => ({ address }) },
    });
    const refusal = { status: 503, code: 'BUSY', reason: 'no room', headers: { 'Retry-After': '30' } };
    expect(await other.join('id peer', inChannel)).toEqual(refusal);
    expect(joined).toEqual(['id peer']);
  });

  it('joins nothing when the other process has exited', async () => {
    const lost = join(folder, 'lost.sock');
    const other = new ChannelForwarding({
      ...options,
      address: '',
      registry: { ...emptyRegistry, find: async () => ({ address: lost }) },
    });
    expect(await other.join('id peer', inChannel)).toBe('absent');
  });

  it('is closed when its process closes', async () => {
    const socket = connect(address);
    await once(socket, 'connect');
    // Until the other side has accepted the connection as well.
    socket.write(jsonLine({}).slice(0, 1));
    await sleep(20);
    forwarding.close();
    socket.resume();
    await once(socket, 'close');
  });
});
