import { randomBytes, randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { REQUESTS_MAX } from '../../../src/gateway/listener/dispatch.js';
import {
  chunk,
  dualPipe,
  type OutChannel,
  openIn,
  openOut,
  type Pipe,
  RawClient,
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
import type { TestGateway } from '../../support/gateway.js';
import { testGatewayOrPair as testGateway } from '../../support/site.js';
import { collectUntilEnd, echoTarget, type TestTarget, testTarget } from '../../support/target.js';
import { eventually } from '../../support/wait.js';

let server: TestGateway;
let target: TestTarget;
beforeAll(async () => {
  server = await testGateway({ timeouts: { close: 0.3 } });
  target = await echoTarget();
});
afterAll(async () => {
  await server.stop();
  await target.stop();
});

const connections: TLSSocket[] = [];
async function connection(to: Server, localAddress?: string): Promise<TLSSocket> {
  const socket = await tlsSocket(to, localAddress);
  connections.push(socket);
  return socket;
}
afterEach(async () => {
  for (const socket of connections.splice(0)) socket.destroy();
  await server.idle();
});

const newOut = async (id: string): Promise<OutChannel> => openOut(await connection(server), id);
const PROBE = ['Content-Length: 0'];
const BODY = ['Transfer-Encoding: chunked'];
const probe = (socket: TLSSocket, id: string) => request(socket, rdgHead('RDG_IN_DATA', id, PROBE));
const head = (id: string, more: readonly string[]): string =>
  `${rdgHead('RDG_IN_DATA', id, more).join('\r\n')}\r\n\r\n`;

/** Opens a tunnel on this pipe and echoes bytes through its target. */
async function works(pipe: Pipe): Promise<RawClient> {
  const client = new RawClient(pipe, { token: await server.token(target.name), port: target.port });
  client.start();
  await client.until('opened');
  client.send(Buffer.from('ping'));
  expect((await client.waitForBytes(4)).toString()).toBe('ping');
  return client;
}

describe('the OUT channel', () => {
  it('is answered with 200, ten bytes of seed and nothing else', async () => {
    const id = randomUUID();
    const { socket, response } = await newOut(id);
    expect(response.head).not.toMatch(/content-length|transfer-encoding/i);
    expect(response.head).toMatch(/\r\nx-accel-buffering: no/i);
    const inSocket = await connection(server);
    expect((await probe(inSocket, id)).status).toBe(200);
    const seed = Buffer.concat([response.rest, socket.read() ?? Buffer.alloc(0)]);
    expect(seed).toHaveLength(10);
    inSocket.write(head(id, BODY));
    const client = await works(dualPipe({ socket, response: { ...response, rest: seed } }, inSocket, chunk));
    client.pipe.close();
  });

  it('is chunked where the settings require it, and ends with the last chunk', async () => {
    const chunked = await testGateway({ transports: { outEncoding: 'chunked' }, timeouts: { close: 0.3 } });
    const source = await testTarget((socket) => socket.end(randomBytes(100_000)));
    const id = randomUUID();
    const out = await openOut(await connection(chunked), id);
    expect(out.response.head).toMatch(/\r\ntransfer-encoding: chunked/i);
    const raw: Buffer[] = [out.response.rest];
    out.socket.prependListener('data', (bytes: Buffer) => raw.push(bytes));
    const pipe = await openIn(out, await connection(chunked), id);
    const client = new RawClient(pipe, { token: await chunked.token(source.name), port: source.port });
    client.start();
    await client.ended();
    expect(client.receivedBytes).toBe(100_000);
    const stream = Buffer.concat(raw);
    expect(stream.subarray(0, 3).toString()).toBe('a\r\n');
    expect(stream.subarray(-5).toString()).toBe('0\r\n\r\n');
    await chunked.stop();
    await source.stop();
  });

  it('is answered with 200 where the client requests a WebSocket and the settings disable it', async () => {
    const plain = await testGateway({ transports: { websocket: false } });
    const socket = await connection(plain);
    const id = randomUUID();
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x'];
    const answer = await request(socket, rdgHead('RDG_OUT_DATA', id, upgrade));
    expect(answer.status).toBe(200);
    await plain.stop();
  });

  it('is refused where the settings allow only the WebSocket', async () => {
    const modern = await testGateway({ transports: { http: false } });
    const socket = await connection(modern);
    expect((await request(socket, rdgHead('RDG_OUT_DATA', randomUUID()))).status).toBe(403);
    await modern.stop();
  });

  it('may carry the request once more (MS-TSGU 3.3.5.1) and other bytes, up to a limit', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const client = await works(await openIn(out, await connection(server), id));
    out.socket.write(`${rdgHead('RDG_OUT_DATA', id).join('\r\n')}\r\n\r\n`);
    client.send(Buffer.from('on'));
    expect((await client.waitForBytes(6)).toString()).toBe('pingon');
    out.socket.write(randomBytes(70_000));
    await client.ended();
    const line = await server.line('session.ended', ({ connection }) => connection === id);
    expect(line.cause).toBe('too much data');
  });

  it('a second one with an id in use is refused, and the first one continues', async () => {
    const id = randomUUID();
    const first = await newOut(id);
    const early = await request(await connection(server), rdgHead('RDG_OUT_DATA', id));
    expect(early.status).toBe(409);
    const client = await works(await openIn(first, await connection(server), id));
    const late = await request(await connection(server), rdgHead('RDG_OUT_DATA', id.toUpperCase()));
    expect(late.status).toBe(409);
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(14)).toString()).toBe('pingstill here');
    client.pipe.close();
  });

  it('is ended after timeouts.pairing', async () => {
    const shortTimeouts = await testGateway({ timeouts: { pairing: 0.1, close: 0.3 } });
    const id = randomUUID();
    const out = await openOut(await connection(shortTimeouts), id);
    await remainder(out.socket);
    const line = await shortTimeouts.line('pairing.expired', ({ connection }) => connection === id);
    expect(line.reason).toMatch(/in time/);
    const again = await openOut(await connection(shortTimeouts), id);
    expect(again.response.status).toBe(200);
    await shortTimeouts.stop();
  });

  it.each([
    ['ends', (socket: TLSSocket) => void socket.end()],
    ['is reset', (socket: TLSSocket) => void tcpOf(socket).resetAndDestroy()],
    ['is dropped', (socket: TLSSocket) => void tcpOf(socket).destroy()],
  ])('frees its id when it %s while it waits', async (_, disconnect) => {
    const id = randomUUID();
    const out = await newOut(id);
    disconnect(out.socket);
    await server.idle();
    (await works(await openIn(await newOut(id), await connection(server), id))).pipe.close();
  });
});

describe('the IN channel', () => {
  it('without an OUT channel is refused', async () => {
    const socket = await connection(server);
    socket.write(head(randomUUID(), BODY));
    expect((await readResponse(socket)).status).toBe(409);
    await remainder(socket);
  });

  it('without a body is answered with 200 and claims nothing, whether an OUT channel waits or not', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const sockets = await Promise.all(Array.from({ length: 3 }, () => connection(server)));
    for (const socket of sockets) {
      for (const each of [id, randomUUID(), id]) expect((await probe(socket, each)).status).toBe(200);
      expect((await request(socket, rdgHead('RDG_IN_DATA', id))).status).toBe(200);
    }
    const [first, second, third] = sockets as [TLSSocket, TLSSocket, TLSSocket];
    first.end();
    tcpOf(second).resetAndDestroy();
    third.write(head(id, BODY));
    (await works(dualPipe(out, third, chunk))).pipe.close();
  });

  it('may send its body on another connection than its probe, which proxies close or keep', async () => {
    for (const keep of [true, false]) {
      const id = randomUUID();
      const out = await newOut(id);
      const first = await connection(server);
      await probe(first, id);
      if (!keep) first.destroy();
      const inSocket = await connection(server);
      inSocket.write(head(id, BODY));
      (await works(dualPipe(out, inSocket, chunk))).pipe.close();
      first.destroy();
    }
  });

  it.each([2, 6])('of %i clients may have its body on the connection with the probe of another', async (count) => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const outs = await Promise.all(ids.map(newOut));
    const pool = await Promise.all(ids.map(() => connection(server)));
    for (const [index, id] of ids.entries()) expect((await probe(pool[index] as TLSSocket, id)).status).toBe(200);
    const clients = ids.map((id, index) => {
      const socket = pool[(index + 1) % count] as TLSSocket;
      socket.write(head(id, BODY));
      return works(dualPipe(outs[index] as OutChannel, socket, chunk));
    });
    for (const client of await Promise.all(clients)) client.pipe.close();
  });

  it('that asks for the end of the connection after its probe gets it', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const socket = await connection(server);
    const answer = await request(socket, rdgHead('RDG_IN_DATA', id, [...PROBE, 'Connection: keep-alive, Close']));
    expect(answer).toMatchObject({ status: 200, head: expect.stringMatching(/\r\nconnection: close/i) });
    expect(await remainder(socket)).toHaveLength(0);
    (await works(await openIn(out, await connection(server), id))).pipe.close();
  });

  it('sends a limited number of probes on one connection', async () => {
    const socket = await connection(server);
    const id = randomUUID();
    for (let count = 1; count < REQUESTS_MAX; count++) expect((await probe(socket, id)).head).not.toMatch(/close/);
    expect(await probe(socket, id)).toMatchObject({ status: 200, head: expect.stringMatching(/connection: close/i) });
    expect(await remainder(socket)).toHaveLength(0);
  });

  it('gets an empty 200 to its probe, and no answer to its body', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    const answer = await probe(inSocket, id);
    expect(answer.head).toMatch(/\r\ncontent-length: 0/i);
    expect(answer.rest).toHaveLength(0);
    inSocket.write(head(id, BODY));
    const answers: Buffer[] = [];
    inSocket.on('data', (bytes) => answers.push(bytes));
    const client = await works(dualPipe(out, inSocket, chunk));
    expect(answers).toEqual([]);
    client.pipe.close();
  });

  it('may have a body in its first request, with the first PDU', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    const pipe = dualPipe(out, inSocket, chunk);
    let first = true;
    const send = (bytes: Buffer): void => {
      if (!first) return pipe.send(bytes);
      first = false;
      inSocket.write(Buffer.concat([Buffer.from(head(id, BODY)), chunk(bytes)]));
    };
    (await works({ ...pipe, send })).pipe.close();
  });

  it('may send both requests and the first PDU in one segment', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    const pipe = dualPipe(out, inSocket, chunk);
    let first = true;
    const send = (bytes: Buffer): void => {
      if (!first) return pipe.send(bytes);
      first = false;
      inSocket.write(Buffer.concat([Buffer.from(head(id, PROBE) + head(id, BODY)), chunk(bytes)]));
    };
    (await works({ ...pipe, send })).pipe.close();
  });

  it('may announce a gigabyte instead of chunks (MS-TSGU 1.5.3)', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    await probe(inSocket, id);
    inSocket.write(head(id, ['Content-Length: 1073741824']));
    (await works(dualPipe(out, inSocket, (bytes) => bytes))).pipe.close();
  });

  it('ends its session at the end of its body, which is answered with 200', async () => {
    for (const finish of ['0\r\n\r\n', '0\r\nX-Trailer: 1\r\n\r\n']) {
      const id = randomUUID();
      const client = await works(await openIn(await newOut(id), await connection(server), id));
      const answer: Buffer[] = [];
      client.pipe.up.on('data', (bytes) => answer.push(bytes));
      client.pipe.up.write(finish);
      await client.ended();
      const line = await server.line('session.ended', ({ connection }) => connection === id);
      expect(line.cause).toBe('client closed');
      expect(Buffer.concat(answer).toString()).toMatch(
        /^HTTP\/1\.1 200 OK\r\n(?=.*content-length: 0\r\n).*\r\n\r\n$/is,
      );
    }
  });

  it('whose body ends before its user is authenticated is answered with 200 and is not authenticated', async () => {
    const id = randomUUID();
    await newOut(id);
    const inSocket = await connection(server);
    inSocket.write(`${head(id, [...BODY, 'Expect: 100-continue'])}0\r\n\r\n`);
    const answer = (await remainder(inSocket)).toString();
    expect(answer.match(/^HTTP.*$/gm)?.at(-1)).toMatch(/^HTTP\/1\.1 200 /);
    const line = await server.line('session.ended', ({ connection }) => connection === id);
    expect(line.user).toBeUndefined();
  });

  it('with a short Content-Length ends there', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    inSocket.write(`${head(id, ['Content-Length: 5'])}01000`);
    await server.line('session.ended', ({ connection }) => connection === id);
    await remainder(out.socket);
  });

  it.each([
    ['an invalid size', 'zz\r\n'],
    ['a chunk without its end', '1\r\nab\r\n'],
    ['a bare line feed', '1\na'],
    ['an endless size line', '1'.repeat(400)],
    ['a size of 2^64', '10000000000000000\r\n'],
  ])('with %s for a body ends the session', async (_, bytes) => {
    const id = randomUUID();
    const client = await works(await openIn(await newOut(id), await connection(server), id));
    client.pipe.up.write(bytes);
    await client.ended();
    const line = await server.line('session.ended', ({ connection }) => connection === id);
    expect(line.cause).toBe('bad framing');
  });

  it('gets a 100 if it sends `Expect: 100-continue`', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    const answer = await request(inSocket, rdgHead('RDG_IN_DATA', id, [...BODY, 'Expect: 100-continue']));
    expect(answer.status).toBe(100);
    (await works(dualPipe(out, inSocket, chunk))).pipe.close();
  });

  it('is one per OUT channel: of two the first wins, and the second does not disturb it', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const [first, second] = [await connection(server), await connection(server)];
    expect((await probe(first, id)).status).toBe(200);
    expect((await probe(second, id)).status).toBe(200);
    first.write(head(id, BODY));
    const client = await works(dualPipe(out, first, chunk));
    second.write(head(id, BODY));
    expect((await readResponse(second)).status).toBe(409);
    client.send(Buffer.from('!'));
    expect((await client.waitForBytes(5)).toString()).toBe('ping!');
    client.pipe.close();
  });

  it('that is reset while it joins leaves no session', async () => {
    const site = await testGateway({ timeouts: { close: 0.3 } });
    const attempts = 30;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const id = randomUUID();
      const out = await openOut(await tlsSocket(site), id);
      const inSocket = await tlsSocket(site);
      inSocket.on('error', () => undefined);
      inSocket.write(head(id, BODY));
      // At every step, from before its head is read until after the pairing.
      await new Promise((resolve) => setTimeout(resolve, (attempt % 10) / 4));
      tcpOf(inSocket).resetAndDestroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      out.socket.destroy();
    }
    await site.idle();
    // A session that was not removed would keep this waiting until the test times out.
    await site.gateway.settle(600_000);
    await site.stop();
  });

  it('of several that race, exactly one wins', async () => {
    const id = randomUUID();
    await newOut(id);
    const sockets = await Promise.all(Array.from({ length: 6 }, () => connection(server)));
    for (const socket of sockets) socket.write(head(id, BODY));
    const refused: number[] = [];
    for (const socket of sockets) {
      // The winner gets no answer until its connection ends.
      void readResponse(socket).then(
        ({ status }) => refused.push(status),
        () => undefined,
      );
    }
    await eventually(() => refused.length === 5);
    expect(refused).toEqual([409, 409, 409, 409, 409]);
    expect(server.gateway.tunnels).toBe(1);
  });

  it('from another address is no match, and the right one still is', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const otherAddress = await connection(server, '127.0.0.2');
    otherAddress.write(head(id, BODY));
    expect((await readResponse(otherAddress)).status).toBe(409);
    const line = await server.line('request.rejected', ({ connection }) => connection === id);
    expect(line).toMatchObject({
      status: 409,
      code: 'OTHER_ADDRESS',
      reason: expect.stringMatching(/waits for another address/),
      hint: expect.stringMatching(/transports\.pairBy: id/),
    });
    (await works(await openIn(out, await connection(server), id))).pipe.close();
  });

  it.each(['with the id alone', 'with the id and the address'])(
    'from another address is paired %s, as transports.pairBy says',
    async (what) => {
      const byId = await testGateway({
        transports: { pairBy: what === 'with the id alone' ? 'id' : 'address' },
        timeouts: { close: 0.3 },
      });
      const id = randomUUID();
      const out = await openOut(await connection(byId), id);
      const duplicate = request(await connection(byId, '127.0.0.2'), rdgHead('RDG_OUT_DATA', id));
      expect((await duplicate).status).toBe(what === 'with the id alone' ? 409 : 200);
      const inSocket = await connection(byId, '127.0.0.3');
      inSocket.write(head(id, BODY));
      if (what === 'with the id alone') {
        const client = new RawClient(dualPipe(out, inSocket, chunk), {
          token: await byId.token(target.name),
          port: target.port,
        });
        client.start();
        await client.until('opened');
        client.pipe.close();
      } else {
        expect((await readResponse(inSocket)).status).toBe(409);
      }
      await byId.stop();
    },
  );

  it('under another id is no match, and its refusal does not end the OUT channel', async () => {
    const id = randomUUID();
    const out = await newOut(id);
    const wrong = await connection(server);
    wrong.write(head(randomUUID(), BODY));
    expect((await readResponse(wrong)).status).toBe(409);
    (await works(await openIn(out, await connection(server), id))).pipe.close();
  });

  it.each([
    ['RDG_OUT_DATA', () => `${rdgHead('RDG_OUT_DATA', randomUUID()).join('\r\n')}\r\n\r\n`, 200],
    ['a WebSocket', () => `${rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()).join('\r\n')}\r\n\r\n`, 101],
    ['a GET', () => 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', 200],
    ['RDG_IN_DATA with another id', () => head(randomUUID(), BODY), 409],
    ['another probe', (id: string) => head(id, PROBE), 200],
    ['RPC_IN_DATA', () => 'RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['garbage', () => 'RDG_IN_DATA \x01\x02\x03\r\n\r\n', 400],
  ])('may be followed on the connection of its probe by %s of whomever', async (_, next, status) => {
    const id = randomUUID();
    const out = await newOut(id);
    const inSocket = await connection(server);
    expect((await probe(inSocket, id)).status).toBe(200);
    inSocket.write(next(id));
    expect((await readResponse(inSocket)).status).toBe(status);
    (await works(await openIn(out, await connection(server), id))).pipe.close();
  });

  it('that is silent after its probe is ended after timeouts.head, and the OUT channel waits on', async () => {
    const shortTimeouts = await testGateway({ timeouts: { head: 0.2, close: 0.3 } });
    const id = randomUUID();
    const out = await openOut(await connection(shortTimeouts), id);
    const inSocket = await connection(shortTimeouts);
    await probe(inSocket, id);
    await remainder(inSocket);
    expect(out.socket.destroyed || out.socket.readableEnded).toBe(false);
    await openIn(out, await connection(shortTimeouts), id);
    await eventually(() => shortTimeouts.gateway.tunnels === 1);
    await shortTimeouts.stop();
  });

  it.each(['with its body', 'without a body'])(
    'is refused %s where the settings allow only the WebSocket',
    async (what) => {
      const modern = await testGateway({ transports: { http: false } });
      const socket = await connection(modern);
      socket.write(head(randomUUID(), what === 'with its body' ? BODY : PROBE));
      expect((await readResponse(socket)).status).toBe(403);
      await modern.stop();
    },
  );
});

describe('a session on two channels', () => {
  const ENDS: readonly [string, (pipe: Pipe) => void][] = [
    ['its OUT channel is reset', ({ sockets }) => void tcpOf(sockets[0]).resetAndDestroy()],
    ['its OUT channel ends', ({ sockets }) => void sockets[0].end()],
    ['its IN channel is reset', ({ up }) => void tcpOf(up).resetAndDestroy()],
    ['its IN channel ends', ({ up }) => void up.end()],
  ];
  it.each(ENDS)('ends when %s, and the same id works again', async (_, end) => {
    const id = randomUUID();
    const client = await works(await openIn(await newOut(id), await connection(server), id));
    const other = client.pipe.sockets;
    end(client.pipe);
    await Promise.all(other.map(waitForClose));
    await server.line('session.ended', ({ connection }) => connection === id);
    (await works(await openIn(await newOut(id), await connection(server), id))).pipe.close();
  });

  it('frees its id as soon as its OUT channel is closed, even if its IN channel stays open', async () => {
    const slow = await testGateway({ timeouts: { close: 60 } });
    const id = randomUUID();
    const pipe = await openIn(await openOut(await connection(slow), id), await connection(slow), id);
    pipe.sockets[0].end();
    await waitForClose(pipe.sockets[0]);
    expect((await openOut(await connection(slow), id)).response.status).toBe(200);
    await slow.stop();
  });

  it('delivers the bytes of the IN channel that arrive after the end of the OUT channel', async () => {
    const sink = await testTarget();
    const id = randomUUID();
    const pipe = await openIn(await newOut(id), await connection(server), id);
    const client = new RawClient(pipe, { token: await server.token(sink.name), port: sink.port });
    client.start();
    await client.until('opened');
    const got = collectUntilEnd(await sink.socket(0));
    pipe.sockets[0].end();
    await waitForClose(pipe.sockets[0]);
    client.send(Buffer.from('last bytes'));
    pipe.up.end();
    expect((await got).toString()).toBe('last bytes');
    await sink.stop();
  });
});
