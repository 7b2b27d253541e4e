import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEEPALIVE, PKT_TYPE } from '../../src/protocol/index.js';
import { openPipe, type Pipe, RawClient, TRANSPORTS } from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { closedPort, collectUntilEnd, echoTarget, type TestTarget, testTarget } from '../support/target.js';

const EMPTY_DATA = Buffer.from('0a0000000a0000000000', 'hex');
const KEEP_ALIVE = KEEPALIVE.encode({});

const typeOf = (pdu: Buffer): number => pdu.readUInt16LE(0);

describe.each(TRANSPORTS)('a session over %s', (transport) => {
  let server: TestGateway;
  let target: TestTarget;
  beforeAll(async () => {
    server = await testGateway();
    target = await echoTarget();
  });
  afterAll(async () => {
    await server.stop();
    await target.stop();
  });

  const open = async (): Promise<RawClient> =>
    RawClient.open(server, { transport, token: await server.token(target.name), port: target.port });

  it('transfers bytes in both directions, unchanged and in order', async () => {
    const client = await open();
    const sent = randomBytes(1_000_000);
    client.send(sent);
    expect((await client.waitForBytes(sent.length)).equals(sent)).toBe(true);
    client.pipe.close();
  });

  it('reads PDUs split anywhere', async () => {
    const client = await open();
    let sent = Buffer.alloc(0);
    const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.nat(20_000), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(payloads, cuts, async (parts, where) => {
        const stream = Buffer.concat(parts.flatMap((part) => client.wrap(Buffer.from(part))));
        const ends = [...where.map((cut) => cut % stream.length), stream.length].sort((a, b) => a - b);
        let start = 0;
        for (const end of ends) {
          if (end > start) client.pipe.send(stream.subarray(start, end));
          start = end;
        }
        sent = Buffer.concat([sent, ...parts]);
        expect((await client.waitForBytes(sent.length)).equals(sent)).toBe(true);
      }),
      { numRuns: 25 },
    );
    client.pipe.close();
  });

  it('reads the set-up and the first DATA byte by byte', async () => {
    const token = await server.token(target.name);
    const pipe = await openPipe(server, { transport });
    const byteByByte: Pipe = {
      ...pipe,
      send(pdu) {
        for (const byte of pdu) pipe.send(Buffer.from([byte]));
      },
    };
    const client = new RawClient(byteByByte, { token, port: target.port });
    client.start();
    await client.until('opened');
    const sent = randomBytes(300);
    client.send(sent);
    expect((await client.waitForBytes(sent.length)).equals(sent)).toBe(true);
    client.pipe.close();
  });

  it('reads framing that arrives byte by byte', async () => {
    const client = await open();
    const { up } = client.pipe;
    const sent = randomBytes(100);
    const [pdu] = client.wrap(sent);
    const write = up.write.bind(up);
    const framed: Buffer[] = [];
    up.write = ((bytes: Buffer) => {
      framed.push(Buffer.from(bytes));
      return true;
    }) as typeof up.write;
    client.pipe.send(pdu as Buffer);
    up.write = write;
    for (const byte of Buffer.concat(framed)) write(Buffer.from([byte]));
    expect((await client.waitForBytes(sent.length)).equals(sent)).toBe(true);
    client.pipe.close();
  });

  it('forwards the largest DATA, and ignores DATA of length zero', async () => {
    const client = await open();
    const payload = randomBytes(65_535);
    const head = Buffer.from('0a000000090001000000', 'hex');
    head.writeUInt32LE(10 + payload.length, 4);
    head.writeUInt16LE(payload.length, 8);
    client.pipe.send(EMPTY_DATA);
    client.pipe.send(Buffer.concat([EMPTY_DATA, head, payload, EMPTY_DATA]));
    expect((await client.waitForBytes(payload.length)).equals(payload)).toBe(true);
    client.send(Buffer.from('on'));
    expect((await client.waitForBytes(payload.length + 2)).subarray(-2).toString()).toBe('on');
    client.pipe.close();
  });

  it('never answers a keep-alive', async () => {
    const client = await open();
    client.pieces.length = 0;
    for (let count = 0; count < 5; count++) client.pipe.send(KEEP_ALIVE);
    client.send(Buffer.from('echo'));
    await client.waitForBytes(4);
    expect(Buffer.concat(client.pieces)).toEqual(Buffer.from('0a0000000e00000004006563686f', 'hex'));
    client.pipe.close();
  });

  it('opens a second channel after CLOSE_CHANNEL, with a new id', async () => {
    const client = await open();
    const first = await client.until('opened');
    client.closeChannel();
    expect((await client.until('closed')).code).toBe(0);
    client.createChannel();
    const second = await client.until('opened', 1);
    expect(second.tunnelId).toBe(first.tunnelId);
    expect(second.channelId).not.toBe(first.channelId);
    client.send(Buffer.from('again'));
    expect((await client.waitForBytes(5)).toString()).toBe('again');
    client.pipe.close();
  });

  it('ends the connection to the target with its channel, after all bytes were sent', async () => {
    const sink = await testTarget();
    const token = await server.token(sink.name);
    const client = await RawClient.open(server, { transport, token, port: sink.port });
    const got = collectUntilEnd(await sink.socket(0));
    const sent = randomBytes(100_000);
    client.send(sent);
    client.closeChannel();
    await client.until('closed');
    expect((await got).equals(sent)).toBe(true);
    expect(client.closed).toBe(false);
    client.pipe.close();
    await sink.stop();
  });

  it('tries the resources in order, then the alternates', async () => {
    const port = target.port;
    const token = await server.token([`127.0.0.2:${port}`, `127.0.0.3:${port}`, target.name]);
    const options = { transport, token, port, altResources: ['127.0.0.3', '127.0.0.1'] } as const;
    const before = target.count;
    const client = await RawClient.open(server, { ...options, resources: ['127.0.0.2'] });
    client.send(Buffer.from('hello'));
    expect((await client.waitForBytes(5)).toString()).toBe('hello');
    const { tunnelId } = await client.until('opened');
    expect(tunnelId).toBeGreaterThan(0);
    const line = await server.line('channel.opened', ({ target: opened }) => opened === target.name);
    expect(line.address).toBe('127.0.0.1');
    expect(target.count).toBe(before + 1);
    client.pipe.close();
  });

  it('skips a target that is not allowed and one that refuses', async () => {
    const closed = await closedPort();
    const both = await testTarget();
    const token = await server.token([`127.0.0.1:${both.port}`, `127.0.0.1:${closed}`]);
    const resources = ['192.0.2.1', 'no-such-name.invalid'];
    const client = await RawClient.open(server, {
      transport,
      token,
      port: both.port,
      resources,
      altResources: ['127.0.0.1'],
    });
    expect(both.count).toBe(1);
    client.pipe.close();
    await both.stop();
  });

  it('gives every session unique ids', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, open));
    const opened = await Promise.all(clients.map((client) => client.until('opened')));
    const ids = opened.flatMap(({ tunnelId, channelId }) => [tunnelId, channelId]);
    expect(ids).not.toContain(undefined);
    expect(ids).not.toContain(0);
    expect(new Set(opened.map(({ tunnelId }) => tunnelId)).size).toBe(10);
    expect(new Set(opened.map(({ channelId }) => channelId)).size).toBe(10);
    for (const client of clients) client.pipe.close();
  });

  it('logs user, client and target', async () => {
    const token = await server.token(target.name, { user: 'carol' });
    const options = { transport, token, port: target.port, clientName: 'CAROLS-PC' };
    const client = await RawClient.open(server, { ...options, connectionId: '0D5E3F50-9F25-4E0A-8F3C-4C2A67C7A0B1' });
    const line = await server.line('channel.opened', ({ user }) => user === 'carol');
    expect(line).toMatchObject({
      level: 'info',
      connection: '0d5e3f50-9f25-4e0a-8f3c-4c2a67c7a0b1',
      correlation: '0d5e3f50-9f25-4e0a-8f3c-4c2a67c7a0b1',
      peer: '127.0.0.1',
      transport,
      client: 'CAROLS-PC',
      target: target.name,
      address: '127.0.0.1',
    });
    client.pipe.close();
  });
});

describe.each(TRANSPORTS)('keep-alive over %s', (transport) => {
  it('is sent periodically while a channel is open', async () => {
    const server = await testGateway({ timeouts: { keepAlive: 0.02 } });
    const target = await testTarget();
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport, token, port: target.port });
    await client.when(() => Buffer.concat(client.pieces).includes(Buffer.concat([KEEP_ALIVE, KEEP_ALIVE])));
    const [handshake, tunnel, authorization, channel, ...rest] = split(Buffer.concat(client.pieces));
    const { HANDSHAKE_RESPONSE, TUNNEL_RESPONSE, TUNNEL_AUTH_RESPONSE, CHANNEL_RESPONSE } = PKT_TYPE;
    const setup = [handshake, tunnel, authorization, channel].map((pdu) => typeOf(pdu ?? EMPTY_DATA));
    expect(setup).toEqual([HANDSHAKE_RESPONSE, TUNNEL_RESPONSE, TUNNEL_AUTH_RESPONSE, CHANNEL_RESPONSE]);
    expect(new Set(rest.map(typeOf))).toEqual(new Set([PKT_TYPE.KEEPALIVE]));

    client.closeChannel();
    await client.until('closed');
    const quiet = split(Buffer.concat(client.pieces)).length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(split(Buffer.concat(client.pieces))).toHaveLength(quiet);
    client.pipe.close();
    await server.stop();
    await target.stop();
  });
});

function split(stream: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let at = 0; at < stream.length; at += stream.readUInt32LE(at + 4)) {
    pdus.push(stream.subarray(at, at + stream.readUInt32LE(at + 4)));
  }
  return pdus;
}
