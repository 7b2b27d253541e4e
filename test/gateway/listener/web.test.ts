import { randomUUID } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AGE_MAX_MS, REQUESTS_MAX } from '../../../src/gateway/listener/dispatch.js';
import {
  chunk,
  rdgHead,
  readResponse,
  remainder,
  request,
  type Server,
  tcpOf,
  tlsSocket,
  upgradeHeaders,
  waitForClose,
} from '../../support/client.js';
import { type TestGateway, testGateway } from '../../support/gateway.js';

let server: TestGateway;
beforeAll(async () => {
  server = await testGateway({ timeouts: { close: 0.3 } });
});
afterAll(() => server.stop());
afterEach(() => server.idle());

const host = ['Host: localhost'];

function https(to: Server, method: string, path: string): Promise<{ status: number; headers: object; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ host: '127.0.0.1', port: to.port, ca: to.ca, method, path, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? 'a body' : undefined);
  });
}

describe('/healthz', () => {
  it('answers GET with ok, HEAD without a body, and other methods with 405', async () => {
    expect(await https(server, 'GET', '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await https(server, 'GET', '/healthz?probe=1')).toMatchObject({ status: 200, body: 'ok\n' });
    const head = await https(server, 'HEAD', '/healthz');
    expect(head).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '3', 'cache-control': 'no-store' },
    });
    expect(await https(server, 'POST', '/healthz')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('answers HTTP/1.0 and ends the connection', async () => {
    const socket = await tlsSocket(server);
    const { status, rest } = await request(socket, ['GET /healthz HTTP/1.0']);
    expect(status).toBe(200);
    expect(rest.toString() + (await remainder(socket)).toString()).toBe('ok\n');
  });

  it.each([
    ['two Host fields', ['Host: x', 'Host: x']],
    ['two Host fields of different names', ['Host: x', 'Host: y']],
    ['a list for a Host', ['Host: x, x']],
    ['no Host', []],
  ])('is refused with %s', async (_, fields) => {
    const socket = await tlsSocket(server);
    expect((await request(socket, ['GET /healthz HTTP/1.1', ...fields])).status).toBe(400);
    await remainder(socket);
  });

  it('takes the request in absolute form, after empty lines, and with a repeated length', async () => {
    for (const text of [
      'GET https://localhost/healthz HTTP/1.1\r\nHost: x\r\n\r\n',
      '\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
    ]) {
      const socket = await tlsSocket(server);
      socket.write(text);
      expect((await readResponse(socket)).status).toBe(200);
      socket.destroy();
    }
  });

  it('answers several requests on one connection, also pipelined ones', async () => {
    const socket = await tlsSocket(server);
    for (let count = 0; count < 3; count++) {
      expect((await request(socket, ['GET /healthz HTTP/1.1', ...host])).status).toBe(200);
    }
    socket.write(
      'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    const all = (await remainder(socket)).toString();
    expect(all.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404']);
  });

  it('reads a request that arrives byte by byte', async () => {
    const socket = await tlsSocket(server);
    for (const byte of 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n') socket.write(byte);
    expect((await readResponse(socket)).status).toBe(200);
    socket.destroy();
  });
});

describe('other requests', () => {
  it('are answered with 404', async () => {
    for (const path of ['/', '/rpc/rpcproxy.dll', '/healthz/', '/HEALTHZ', '/remoteDesktopGateway/', '/%2e%2e']) {
      expect((await https(server, 'GET', path)).status).toBe(404);
    }
  });

  it('a GET of the gateway path names its purpose', async () => {
    expect((await https(server, 'GET', '/remoteDesktopGateway/')).body).toMatch(/Remote Desktop/);
  });

  it('RPC over HTTP is answered with 404', async () => {
    for (const method of ['RPC_IN_DATA', 'RPC_OUT_DATA']) {
      const socket = await tlsSocket(server);
      const lines = [`${method} /rpc/rpcproxy.dll?localhost:3388 HTTP/1.1`, ...host, 'Content-Length: 0'];
      expect((await request(socket, lines)).status).toBe(404);
      await remainder(socket);
    }
  });

  it.each([
    ['garbage', '\x00\x01\x02\x03\r\n\r\n', 400],
    ['a method that is none', 'F(O /healthz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['two lengths', 'POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    [
      'length and chunks',
      'POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['RDG in small letters', 'rdg_out_data /remoteDesktopGateway/ HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ])('%s is answered with an error, and the connection ends', async (_, bytes, status) => {
    const socket = await tlsSocket(server);
    socket.write(bytes, 'latin1');
    expect((await readResponse(socket)).status).toBe(status);
    await remainder(socket);
  });

  it('CONNECT opens nothing', async () => {
    const socket = await tlsSocket(server);
    socket.write(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await remainder(socket)).toString()).not.toMatch(/^HTTP\/1\.1 2/);
  });

  it.each([
    ['an upgrade of another path', 'GET /elsewhere', 404],
    ['an upgrade by POST', 'POST /remoteDesktopGateway/', 405],
    ['an upgrade without a connection id', 'GET /remoteDesktopGateway/', 400],
  ])('%s is refused, and a client that does not close is cut', async (_, line, status) => {
    const half = { allowHalfOpen: true };
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.ca, servername: 'localhost', ...half });
    socket.on('error', () => undefined);
    const answer = await request(socket, [`${line} HTTP/1.1`, ...host, ...upgradeHeaders()]);
    expect(answer.status).toBe(status);
    // This client keeps its half open; the gateway must not wait for it.
    socket.resume();
    await server.idle();
    socket.destroy();
  });

  it.each([
    ['with a request line that is too long', '/remoteDesktopGateway/', 60_000, 414],
    ['of another path, whatever its query', '/x', 15_000, 404],
    ['with a parameter that cannot be decoded', '/remoteDesktopGateway/', 15_000, 400],
  ])('an upgrade %s is refused', async (_, path, length, status) => {
    const socket = await tlsSocket(server);
    const target = `${path}?${'ConId=%f&'.repeat(length / 9)}`;
    expect((await request(socket, [`GET ${target} HTTP/1.1`, ...host, ...upgradeHeaders()])).status).toBe(status);
    await remainder(socket);
  });

  it('an upgrade to another protocol is refused', async () => {
    const socket = await tlsSocket(server);
    const lines = [
      `GET /remoteDesktopGateway/?ConId=${randomUUID()} HTTP/1.1`,
      ...host,
      'Connection: Upgrade',
      'Upgrade: h2c',
    ];
    expect((await request(socket, lines)).status).toBe(404);
    await remainder(socket);
  });
});

describe('a connection with ordinary HTTP', () => {
  const BEFORE: readonly [string, string[], number][] = [
    ['a health check', ['GET /healthz HTTP/1.1', ...host], 200],
    ['a favicon', ['GET /favicon.ico HTTP/1.1', ...host, 'Connection: keep-alive'], 404],
    ['another method', ['DELETE /healthz HTTP/1.1', ...host, 'Content-Length: 0'], 405],
    ['a HEAD', ['HEAD /healthz HTTP/1.1', ...host], 200],
  ];
  const AFTER: readonly [string, () => string[], number][] = [
    ['RDG_OUT_DATA', () => rdgHead('RDG_OUT_DATA', randomUUID()), 200],
    ['RDG_OUT_DATA with an upgrade', () => rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()), 101],
    ['RDG_IN_DATA', () => rdgHead('RDG_IN_DATA', randomUUID()), 200],
    ['a GET upgrade', () => rdgHead('GET', randomUUID(), upgradeHeaders()), 101],
    ['RPC_IN_DATA', () => ['RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1', ...host], 404],
  ];
  it.each(BEFORE.flatMap((before) => AFTER.map((after) => [before[0], after[0], before, after] as const)))(
    'takes after %s %s, as a new connection does',
    async (_before, _after, [, first, status], [, next, nextStatus]) => {
      const socket = await tlsSocket(server);
      for (let count = 0; count < 3; count++) {
        const answer = await request(socket, first);
        expect(answer).toMatchObject({ status, head: expect.stringMatching(/\r\nconnection: keep-alive/i) });
        const length = first[0]?.startsWith('HEAD') ? 0 : Number(/content-length: (\d+)/i.exec(answer.head)?.[1]);
        // A short answer is written at once, so its body is there with its head.
        expect(answer.rest).toHaveLength(length);
      }
      expect((await request(socket, next())).status).toBe(nextStatus);
      socket.destroy();
    },
  );

  it('refuses an upgrade that was sent before the answers to earlier requests', async () => {
    for (const method of ['RDG_OUT_DATA', 'GET']) {
      const socket = await tlsSocket(server);
      const get = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
      socket.write(`${get.repeat(3)}${rdgHead(method, randomUUID(), upgradeHeaders()).join('\r\n')}\r\n\r\n`);
      const all = (await remainder(socket)).toString();
      expect(all.match(/^HTTP\/1\.1 \d+/gm)).toEqual([200, 200, 200, 400].map((status) => `HTTP/1.1 ${status}`));
    }
  });

  it('is ended with the answer to the last request that it may carry', async () => {
    const socket = await tlsSocket(server);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(REQUESTS_MAX + 1));
    const all = (await remainder(socket)).toString();
    expect(all.match(/^HTTP\/1\.1 200/gm)).toHaveLength(REQUESTS_MAX);
    expect(all.match(/^Connection: close/gm)).toHaveLength(1);
  });

  it('is ended with the first answer after its maximum age', async () => {
    const socket = await tlsSocket(server);
    expect((await request(socket, ['GET /healthz HTTP/1.1', ...host])).head).toMatch(/connection: keep-alive/i);
    const started = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => started + AGE_MAX_MS);
    expect((await request(socket, ['GET /x HTTP/1.1', ...host])).head).toMatch(/connection: close/i);
    clock.mockRestore();
    await remainder(socket);
  });

  it('is ended where the next request does not follow within timeouts.head, also when empty lines do', async () => {
    const shortTimeouts = await testGateway({ timeouts: { head: 0.2, close: 0.3 } });
    const socket = await tlsSocket(shortTimeouts);
    expect((await request(socket, ['GET /healthz HTTP/1.1', ...host])).status).toBe(200);
    socket.write('\r\n');
    expect((await remainder(socket)).toString().replace('ok\n', '')).toBe('');
    await shortTimeouts.idle();
    await shortTimeouts.stop();
  });

  it.each([
    ['of a length', (inner: Buffer) => [`Content-Length: ${inner.length}`, inner] as const],
    ['in chunks', (inner: Buffer) => ['Transfer-Encoding: chunked', chunk(inner)] as const],
  ])('does not read a request from the body of another one: a body %s', async (_, framed) => {
    const socket = await tlsSocket(server);
    const [field, body] = framed(Buffer.from(`${rdgHead('RDG_OUT_DATA', randomUUID()).join('\r\n')}\r\n\r\n`));
    socket.write(Buffer.concat([Buffer.from(`POST /healthz HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`), body]));
    const all = (await remainder(socket)).toString();
    expect(all.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 405']);
    expect(all).toMatch(/^Connection: close\r$/m);
  });

  it('that announces a body and does not send it is cut', async () => {
    const shortTimeouts = await testGateway({ timeouts: { head: 0.1, close: 0.3 } });
    const socket = await tlsSocket(shortTimeouts);
    socket.write('POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    socket.resume();
    await waitForClose(socket);
    await shortTimeouts.idle();
    await shortTimeouts.stop();
  });

  it.each([
    ['of a length', 'Content-Length: 1000000000', (bytes: Buffer) => bytes],
    ['in chunks', 'Transfer-Encoding: chunked', chunk],
    [
      'in spite of Expect: 100-continue',
      'Content-Length: 1000000000\r\nExpect: 100-continue',
      (bytes: Buffer) => bytes,
    ],
  ])('that sends a gigabyte %s is cut', async (_, field, framed) => {
    const socket = await tlsSocket(server);
    socket.write(`POST /healthz HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`);
    const piece = framed(Buffer.alloc(16_384));
    let sent = 0;
    socket.resume();
    while (!socket.destroyed && sent < 1e9) {
      await new Promise<void>((resolve) => void socket.write(piece, () => resolve()));
      sent += piece.length;
    }
    // At most what the buffers of both systems hold.
    expect(sent).toBeLessThan(100e6);
  });

  it('that resets at any point leaves no state', async () => {
    for (const text of [
      '',
      'G',
      'RDG_O',
      'GET /healthz HTTP/1.1\r\n',
      'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\n',
    ]) {
      const socket = await tlsSocket(server);
      await new Promise<void>((resolve) => void socket.write(text, () => resolve()));
      tcpOf(socket).resetAndDestroy();
    }
    await server.idle();
  });

  it('negotiates only HTTP/1.1 by ALPN', async () => {
    const options = { host: '127.0.0.1', port: server.port, ca: server.ca, servername: 'localhost' };
    const protocol = (offer: string[]) =>
      new Promise((resolve) => {
        const socket = connect({ ...options, ALPNProtocols: offer });
        socket.on('secureConnect', () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      });
    expect(await protocol(['h2', 'http/1.1'])).toBe('http/1.1');
    expect(await protocol(['h2'])).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });
});
