import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ReadOptions, readRequest } from '../../../src/gateway/http/reader.js';
import { emptyResponse } from '../../../src/gateway/http/respond.js';
import { HEAD_LIMITS } from '../../../src/http/head.js';
import { inRequest, lines, MSTSC_WEBSOCKET, vector } from './samples.js';

const OPTIONS: ReadOptions = { limits: HEAD_LIMITS, deadlineMs: 10_000 };
const EVENTS = ['readable', 'data', 'end', 'close', 'error'];

function listeners(socket: Duplex): number[] {
  return EVENTS.map((event) => socket.listenerCount(event));
}

/** Both ends of a real connection. */
const server = createServer();
let client: Socket;
let socket: Socket;

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  [socket] = (await accepted) as [Socket];
  socket.on('error', () => {});
  server.close();
});

afterEach(() => {
  vi.useRealTimers();
  client.destroy();
  socket.destroy();
});

describe('readRequest', () => {
  it('returns a head and the bytes that arrived with it, and leaves no listener', async () => {
    const before = listeners(socket);
    const read = readRequest(socket, OPTIONS);
    client.write(Buffer.concat([vector('fr2-paa-dual-in-3-rdg-in-data'), vector('fr2-paa-dual-in-first-chunk')]));
    const result = await read;
    if (result.kind !== 'request') throw new Error(result.kind);
    expect(result.head.body).toBe('chunked');
    expect(result.rest).toEqual(vector('fr2-paa-dual-in-first-chunk'));
    expect(listeners(socket)).toEqual(before);

    const data = once(socket, 'data');
    client.write('later');
    expect(String((await data)[0])).toBe('later');
  });

  it('reads a head that arrives byte by byte', async () => {
    const bytes = MSTSC_WEBSOCKET;
    const pipe = new PassThrough();
    const read = readRequest(pipe, OPTIONS);
    for (const byte of bytes) {
      pipe.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await read).toMatchObject({ kind: 'request', head: { method: 'RDG_OUT_DATA' } });
  });

  it('reads a request of any method', async () => {
    const read = readRequest(socket, OPTIONS);
    client.write(lines('RPC_IN_DATA /rpc/rpcproxy.dll?gw:3388 HTTP/1.1', 'Host: gw', 'Content-Length: 1073741824'));
    expect(await read).toMatchObject({
      kind: 'request',
      head: { method: 'RPC_IN_DATA', path: '/rpc/rpcproxy.dll', body: { length: 2 ** 30 } },
    });
  });

  it.each([
    ['', false],
    ['\r\n', false],
    ['\r\n\r\nG', true],
    ['GET', true],
    ['GET / HTTP/1.1\r\nHost: gw\r\n\r\n', true],
  ])('knows after %j whether the client waited for the answer before', async (early, isPipelined) => {
    const text = 'GET / HTTP/1.1\r\nHost: gw\r\n\r\n';
    const read = readRequest(socket, { ...OPTIONS, leftover: Buffer.from(early) });
    client.write(text.slice(early.trimStart().length));
    expect(await read).toMatchObject({ kind: 'request', isPipelined });
  });

  it('reads two requests on one connection, the second with the leftover bytes of the first', async () => {
    const first = readRequest(socket, OPTIONS);
    client.write(
      Buffer.concat([inRequest('Content-Length: 0'), inRequest('Transfer-Encoding: chunked').subarray(0, 20)]),
    );
    const one = await first;
    if (one.kind !== 'request') throw new Error(one.kind);
    expect(one.head.body).toBe('none');
    socket.write(emptyResponse(200));
    const second = readRequest(socket, { ...OPTIONS, leftover: one.rest });
    client.write(Buffer.concat([inRequest('Transfer-Encoding: chunked').subarray(20), Buffer.from('0')]));
    const two = await second;
    if (two.kind !== 'request') throw new Error(two.kind);
    expect(two.head.body).toBe('chunked');
    expect(two.rest.toString()).toBe('0');
  });

  it('needs no event when the leftover is a whole head', async () => {
    const before = listeners(socket);
    const leftover = Buffer.concat([inRequest(), Buffer.from('x')]);
    const read = readRequest(socket, { ...OPTIONS, leftover });
    expect(listeners(socket)).toEqual(before);
    expect(await read).toMatchObject({ kind: 'request', rest: Buffer.from('x') });
  });

  it('returns the error of an invalid head with what is known of it, and stops', async () => {
    const before = listeners(socket);
    const read = readRequest(socket, OPTIONS);
    client.write('RDG_IN_DATA /x?y HTTP/1.1\r\nHost: gw\nX: y\n\n');
    expect(await read).toMatchObject({
      kind: 'invalid',
      error: { name: 'HeadError', code: 'HEAD_BARE_LF', status: 400 },
      start: { method: 'RDG_IN_DATA', path: '/x', query: 'y' },
    });
    expect(listeners(socket)).toEqual(before);
  });
});

describe('a peer that disconnects', () => {
  it.each([
    ['ends', () => client.end()],
    ['resets', () => client.resetAndDestroy()],
  ])('with no byte sent (%s) is not an error', async (_how, disconnect) => {
    const read = readRequest(socket, OPTIONS);
    disconnect();
    expect(await read).toEqual({ kind: 'closed' });
  });

  it.each([
    ['ends', () => client.end()],
    ['resets', () => client.resetAndDestroy()],
  ])('within a head (%s) is an error', async (_how, disconnect) => {
    const read = readRequest(socket, OPTIONS);
    client.write('RDG_IN');
    await once(socket, 'readable');
    disconnect();
    expect(await read).toMatchObject({ kind: 'invalid', error: { code: 'HEAD_CUT' }, start: { method: 'RDG_IN' } });
  });

  it('before the call is detected at once', async () => {
    client.end();
    socket.resume();
    await once(socket, 'close');
    expect(await readRequest(socket, OPTIONS)).toEqual({ kind: 'closed' });
    expect(await readRequest(socket, { ...OPTIONS, leftover: Buffer.from('GET') })).toEqual({ kind: 'closed' });
  });

  it('before the first read is detected too', async () => {
    client.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readRequest(socket, OPTIONS)).toEqual({ kind: 'closed' });
  });

  it('because the gateway closed the socket is not an error', async () => {
    const read = readRequest(socket, OPTIONS);
    socket.destroy();
    expect(await read).toEqual({ kind: 'closed' });
  });
});

describe('the deadline', () => {
  it('is not extended by single bytes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pipe = new PassThrough();
    const before = listeners(pipe);
    const read = readRequest(pipe, { ...OPTIONS, deadlineMs: 1000 });
    const failed = expect(read).resolves.toMatchObject({
      kind: 'invalid',
      error: { code: 'HEAD_TIMEOUT', status: 408 },
    });
    for (const byte of MSTSC_WEBSOCKET.subarray(0, 10)) {
      pipe.write(Buffer.of(byte));
      await new Promise(setImmediate);
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(100);
    }
    await failed;
    expect(vi.getTimerCount()).toBe(0);
    expect(listeners(pipe)).toEqual(before);
  });

  it('that passes without a byte is no error but an idle connection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const read = readRequest(new PassThrough(), { ...OPTIONS, deadlineMs: 1000 });
    vi.advanceTimersByTime(1000);
    expect(await read).toEqual({ kind: 'idle' });
  });

  it('leaves no timer after a complete head', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pipe = new PassThrough();
    pipe.write(inRequest());
    expect((await readRequest(pipe, OPTIONS)).kind).toBe('request');
    expect(vi.getTimerCount()).toBe(0);
  });
});
