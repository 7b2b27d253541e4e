import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, request, type Server, TRANSPORTS, type TransportKind, tlsSocket } from '../../support/client.js';
import { type LogLine, type TestGateway, type TestGatewayOptions, testGateway } from '../../support/gateway.js';
import { echoTarget, type TestTarget } from '../../support/target.js';

let target: TestTarget;
beforeAll(async () => {
  target = await echoTarget();
});
afterAll(() => target.stop());

let folder: string;
let gateway: TestGateway | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-listen-'));
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const listening = async (listen: unknown, more: TestGatewayOptions = {}): Promise<TestGateway> => {
  gateway = await testGateway({ listen, timeouts: { close: 0.3 }, ...more });
  return gateway;
};

const V1 = Buffer.from('PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\r\n');
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007109c0000201c35001bb', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

/** Opens a channel to the target and sends bytes through it. Resolves to the gateway's line about the opened channel. */
async function echo(server: Server, transport: TransportKind): Promise<LogLine> {
  const { token, line } = gateway as TestGateway;
  const connectionId = randomUUID();
  const client = await RawClient.open(server, {
    transport,
    connectionId,
    port: target.port,
    token: await token(target.name),
  });
  client.send(Buffer.from('hello'));
  await client.waitForBytes(5);
  client.pipe.close();
  return line('channel.opened', ({ connection }) => connection === connectionId);
}

/** What a connection gets that sends these bytes. */
async function answerTo(port: number, bytes: Buffer | string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  await once(socket, 'close');
  return Buffer.concat(parts).toString();
}

describe.each(TRANSPORTS)('over the %s transport', (transport) => {
  it.each([
    ['version 1', V1, '203.0.113.9'],
    ['version 2', V2, '203.0.113.9'],
    ['a header for the proxy itself, which names no client', LOCAL, 'unknown'],
  ])('the PROXY header of a trusted proxy names the peer: %s', async (_name, preamble, peer) => {
    const listen = { address: '127.0.0.1:0', proxyProtocol: 'required' };
    const server = await listening(listen, { trustedProxies: ['127.0.0.1'] });
    expect(await echo({ ...server, preamble }, transport)).toMatchObject({ peer });
  });

  it('plain HTTP is served on loopback', async () => {
    const server = await listening({ address: '127.0.0.1:0', tls: 'off' });
    expect(await echo({ ...server, plain: true }, transport)).toMatchObject({ peer: '127.0.0.1' });
  });

  it('plain HTTP behind a PROXY header is served', async () => {
    const listen = { address: '127.0.0.1:0', tls: 'off', proxyProtocol: 'required' };
    const server = await listening(listen, { trustedProxies: ['127.0.0.0/8'] });
    expect(await echo({ ...server, plain: true, preamble: V1 }, transport)).toMatchObject({ peer: '203.0.113.9' });
  });

  it.each([true, false])('a Unix socket is served, plain: %s', async (plain) => {
    const path = join(folder, 's');
    const server = await listening({ address: `unix:${path}`, tls: plain ? 'off' : 'on' });
    expect(await echo({ ...server, path, plain }, transport)).toMatchObject({ peer: 'unknown', proxy: 'unix' });
  });

  it('all addresses of the list are served', async () => {
    const path = join(folder, 's');
    const server = await listening(['127.0.0.1:0', { address: '127.0.0.2:0', tls: 'off' }, `unix:${path}`]);
    await echo(server, transport);
    await echo({ ...server, host: '127.0.0.2', port: server.ports[1] ?? 0, plain: true }, transport);
    await echo({ ...server, path }, transport);
  });
});

describe('a listener with proxyProtocol: required', () => {
  const listen = { address: '127.0.0.1:0', proxyProtocol: 'required' };

  it('cuts a connection without a header, and writes one line for each address', async () => {
    const server = await listening(listen, { trustedProxies: ['127.0.0.1'] });
    for (let count = 0; count < 3; count++) {
      expect(await answerTo(server.port, 'GET /healthz HTTP/1.1\r\n\r\n')).toBe('');
    }
    expect(server.lines('connection.untrusted')).toEqual([
      expect.objectContaining({ level: 'warn', code: 'PROXY_MISSING', peer: '127.0.0.1' }),
    ]);
  });

  it('cuts everybody else before a byte is read', async () => {
    const server = await listening(listen, { trustedProxies: ['192.0.2.0/24'] });
    expect(await answerTo(server.port, V1)).toBe('');
    expect(server.lines('connection.untrusted')).toEqual([
      expect.objectContaining({ code: 'PROXY_UNTRUSTED', peer: '127.0.0.1' }),
    ]);
  });

  it('cuts a connection whose header does not arrive in time', async () => {
    const server = await listening(listen, { trustedProxies: ['127.0.0.1'], timeouts: { tls: 0.2 } });
    expect(await answerTo(server.port, V1.subarray(0, 10))).toBe('');
    expect(server.lines('connection.untrusted')).toEqual([expect.objectContaining({ code: 'PROXY_TIMEOUT' })]);
  });

  it('writes nothing about a connection that ends without a byte, as health checks do', async () => {
    const server = await listening(listen, { trustedProxies: ['127.0.0.1'] });
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end();
    await once(socket, 'close');
    await server.idle();
    expect(server.lines('connection.untrusted')).toEqual([]);
  });

  it('answers a client that has used up its share with a reason, counts and logs it', async () => {
    const limits = { connectionsPerAddress: 1 };
    const server = { ...(await listening(listen, { trustedProxies: ['127.0.0.1'], limits })), preamble: V1 };
    const token = await server.token(target.name);
    const first = await RawClient.open(server, { transport: 'websocket', port: target.port, token });
    const second = await tlsSocket(server);
    expect(await request(second, ['GET /healthz HTTP/1.1', 'Host: a'])).toMatchObject({ status: 503 });
    expect(await server.line('connection.rejected')).toMatchObject({
      reason: 'limits.connectionsPerAddress',
      peer: '203.0.113.9',
    });
    expect(server.gateway.counts().rejected).toEqual({ 'limits.connectionsPerAddress': 1 });
    second.destroy();
    first.pipe.close();
  });

  it('reads a header that arrives byte by byte', async () => {
    const server = await listening(listen, { trustedProxies: ['127.0.0.1'] });
    const socket = connect(server.port, '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'connect');
    for (const byte of V2) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket.resume(), 'close');
    expect(await server.line('tls.missing')).toMatchObject({ peer: '203.0.113.9' });
  });
});

describe('a plain listener', () => {
  it('beyond loopback serves trusted proxies only', async () => {
    const listen = { address: '0.0.0.0:0', tls: 'off' };
    const server = await listening(listen, { trustedProxies: ['127.0.0.5'] });
    expect(await answerTo(server.port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
    const proxy = await tlsSocket({ ...server, plain: true }, '127.0.0.5');
    expect(await request(proxy, ['GET /healthz HTTP/1.1', 'Host: a', 'Connection: close'])).toMatchObject({
      status: 200,
    });
    proxy.destroy();
  });
});

describe('a TLS listener', () => {
  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a gateway request', 'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\n\r\n'],
    ['a PROXY header', V1],
    ['a PROXY header in binary', V2],
  ])(
    'says to whoever speaks something else that TLS is spoken here, and writes one line a minute: %s',
    async (_name, bytes) => {
      const server = await listening('127.0.0.1:0');
      for (let count = 0; count < 3; count++) {
        expect(await answerTo(server.port, bytes)).toMatch(/^HTTP\/1\.1 400 .*TLS is spoken here/s);
      }
      expect(server.lines('tls.missing')).toEqual([
        expect.objectContaining({
          level: 'warn',
          peer: '127.0.0.1',
          hint: expect.stringContaining('proxyProtocol: required'),
        }),
      ]);
    },
  );
});

describe('a Unix socket', () => {
  const modeOf = (path: string): number => statSync(path).mode & 0o777;

  it('has the mode 0660, or that of its entry, and is removed at the end', async () => {
    const paths = [join(folder, 'a'), join(folder, 'b')] as const;
    const server = await listening([`unix:${paths[0]}`, { address: `unix:${paths[1]}`, mode: '0600' }]);
    expect(paths.map(modeOf)).toEqual([0o660, 0o600]);
    await server.stop();
    gateway = undefined;
    for (const path of paths) expect(() => statSync(path)).toThrow('ENOENT');
  });

  it('belongs to the group of its entry, by number or by name', async () => {
    const path = join(folder, 's');
    const { gid } = statSync(folder);
    await listening({ address: `unix:${path}`, group: gid });
    expect(statSync(path).gid).toBe(gid);
    await expect(listening({ address: `unix:${path}2`, group: 'no-such-group' })).rejects.toMatchObject({
      code: 'LISTEN_GROUP',
    });
  });

  it('replaces a leftover that nobody answers on', async () => {
    const path = join(folder, 's');
    await leaveSocket(path);
    await listening(`unix:${path}`);
    await echo({ ...(gateway as TestGateway), path }, 'websocket');
  });

  it('replaces neither a socket that somebody answers on, nor another file', async () => {
    const [used, file] = [join(folder, 'used'), join(folder, 'file')];
    const server = createServer().listen(used);
    await once(server, 'listening');
    writeFileSync(file, 'precious');
    await expect(listening(`unix:${used}`)).rejects.toMatchObject({ code: 'LISTEN_EADDRINUSE' });
    await expect(listening(`unix:${file}`)).rejects.toMatchObject({ code: 'LISTEN_NOT_A_SOCKET' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('is refused where its folder does not exist', async () => {
    await expect(listening(`unix:${folder}/none/s`)).rejects.toMatchObject({ code: 'LISTEN_EACCES' });
  });
});

/** Leaves a socket file behind, as a process that was killed does. */
async function leaveSocket(path: string): Promise<void> {
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', program]), 'exit');
  expect(statSync(path).isSocket()).toBe(true);
}
