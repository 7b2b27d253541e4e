import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { HANDSHAKE_REQUEST, PKT_TYPE, TUNNEL_CREATE } from '../../../src/protocol/index.js';
import {
  RawClient,
  rdgHead,
  remainder,
  request,
  tlsSocket,
  upgradeHeaders,
  waitForClose,
  webSocketPipe,
} from '../../support/client.js';
import { type TestGateway, testGateway } from '../../support/gateway.js';
import { echoTarget, type TestTarget, testTarget } from '../../support/target.js';
import { sleep } from '../../support/wait.js';

const HELLO = HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 2 });
/**
 * Upper bound for the kernel's buffers of one connection in one direction (4 MiB to send and 6 MiB received, with a
 * margin).
 */
const KERNEL_BUFFERS_MAX = 16 * 1024 * 1024;
const MASK = Buffer.from('1badcafe', 'hex');

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

/** A frame (RFC 6455 5.2); `first` holds FIN, the reserved bits and the opcode. */
function frame(first: number, payload: Buffer, masked = true): Buffer {
  const flag = masked ? 0x80 : 0;
  const head =
    payload.length < 126
      ? Buffer.from([first, flag | payload.length])
      : Buffer.from([first, flag | 126, payload.length >> 8, payload.length & 255]);
  if (!masked) return Buffer.concat([head, payload]);
  return Buffer.concat([head, MASK, payload.map((byte, index) => byte ^ (MASK[index % 4] as number))]);
}

interface Frame {
  readonly first: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

function frames(bytes: Buffer): Frame[] {
  const found: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const second = bytes.readUInt8(at + 1);
    const short = second & 0x7f;
    const [length, head] = short === 126 ? [bytes.readUInt16BE(at + 2), 4] : [short, 2];
    expect(short).not.toBe(127);
    found.push({
      first: bytes.readUInt8(at),
      masked: second > 127,
      payload: bytes.subarray(at + head, at + head + length),
    });
    at += head + length;
  }
  return found;
}

async function upgraded(more: readonly string[] = []): Promise<TLSSocket> {
  const socket = await tlsSocket(server);
  const answer = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), [...upgradeHeaders(), ...more]));
  expect(answer.status).toBe(101);
  socket.unshift(answer.rest);
  return socket;
}

/** Sends bytes, and returns the frames of the gateway until it ends the connection. */
async function answers(socket: TLSSocket, bytes: Buffer): Promise<Frame[]> {
  socket.write(bytes);
  const all = await remainder(socket);
  await waitForClose(socket);
  return frames(all);
}

const closeFrame = (code: number): Frame => ({
  first: 0x88,
  masked: false,
  payload: Buffer.from([code >> 8, code & 255]),
});

describe('an unauthenticated client', () => {
  const open = async (): Promise<TLSSocket> => {
    const socket = await tlsSocket(server);
    expect((await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()))).status).toBe(101);
    return socket;
  };

  it('may not send more than the largest token and its frames', async () => {
    const socket = await open();
    // Valid PDUs that need no answer.
    const keepAlive = Buffer.from('0d00000008000000', 'hex');
    socket.write(frame(0x82, Buffer.concat(Array(8000).fill(keepAlive))));
    socket.write(frame(0x82, Buffer.concat(Array(8000).fill(keepAlive))));
    const all = await remainder(socket);
    expect(frames(all).map(({ first, payload }) => [first, payload.readUInt16BE(0)])).toEqual([[0x88, 1009]]);
    expect(await server.line('session.ended', ({ cause }) => cause === 'too much data')).toMatchObject({
      detail: 'more bytes than a token needs, before authentication',
    });
  });

  it('may send the largest possible token', async () => {
    const socket = await open();
    const token = Buffer.alloc(0xffff - 1, 'x\0');
    const create = TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: token });
    const big = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    big.writeUInt32BE(create.length, 6);
    const masked = create.map((byte, index) => byte ^ (MASK[index % 4] as number));
    socket.write(Buffer.concat([frame(0x82, HELLO), big, MASK, masked]));
    const answers = frames(await remainder(socket));
    expect(answers.map(({ payload }) => payload.readUInt16LE(0))).toEqual([
      PKT_TYPE.HANDSHAKE_RESPONSE,
      PKT_TYPE.TUNNEL_RESPONSE,
    ]);
  });
});

describe('the upgrade', () => {
  it("hashes FreeRDP 2's key, which is not base64, as it was sent", async () => {
    const key = 'LUNVHMQ\\GKKNPR';
    const socket = await tlsSocket(server);
    const { status, head } = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders(key)));
    expect(status).toBe(101);
    const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    expect(head).toContain(`\r\nSec-WebSocket-Accept: ${expected}`);
    socket.destroy();
  });

  it('answers the key of RFC 6455 section 1.3 as that section does', async () => {
    const socket = await tlsSocket(server);
    const headers = upgradeHeaders('dGhlIHNhbXBsZSBub25jZQ==');
    const { head } = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), headers));
    expect(head).toContain('\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    socket.destroy();
  });

  it('selects the subprotocol "binary", and selects none that was not offered', async () => {
    const socket = await tlsSocket(server);
    const extras = [
      'Sec-WebSocket-Protocol: binary',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    ];
    const { head } = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), [...upgradeHeaders(), ...extras]));
    expect(head).toContain('\r\nSec-WebSocket-Protocol: binary');
    expect(head).not.toMatch(/extensions/i);
    socket.destroy();
    const other = await tlsSocket(server);
    const plain = await request(other, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()));
    expect(plain.head).not.toMatch(/-protocol|-extensions/i);
    other.destroy();
  });

  it('reads frames that arrive in one segment with the request', async () => {
    const socket = await tlsSocket(server);
    const head = `${rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()).join('\r\n')}\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), frame(0x82, HELLO), frame(0x88, Buffer.alloc(0))]));
    const all = await remainder(socket);
    const [handshake] = frames(all.subarray(all.indexOf('\r\n\r\n') + 4));
    expect(handshake?.payload.readUInt16LE(0)).toBe(2);
  });

  it('accepts a browser-style GET with all values in the query (MS-TSGU 2.2.3.3)', async () => {
    const id = randomUUID();
    const user = encodeURIComponent(Buffer.from('DOM\\dave', 'utf16le').toString('base64'));
    const query = `CorId=%7B${id}%7D&ConId=%7B${id}%7D&UsrId=${user}&AuthS=PAA&ClGen=Html%235&ClBld=x`;
    const socket = await tlsSocket(server);
    const line = `GET /remoteDesktopGateway/?${query} HTTP/1.1`;
    const answer = await request(socket, [line, 'Host: localhost', ...upgradeHeaders()]);
    expect(answer.status).toBe(101);
    const client = new RawClient(webSocketPipe(socket, answer.rest), {
      token: await server.token(target.name),
      port: target.port,
    });
    client.start();
    await client.until('opened');
    client.send(Buffer.from('by query'));
    expect((await client.waitForBytes(8)).toString()).toBe('by query');
    const opened = await server.line('channel.opened', ({ connection }) => connection === id);
    expect(opened.correlation).toBe(id);
    client.pipe.close();
  });

  it("is accepted by ws's own client, which checks the response strictly", async () => {
    const address = `wss://127.0.0.1:${server.port}/remoteDesktopGateway/?ConId=${randomUUID()}`;
    const client = new WebSocket(address, ['binary'], { ca: server.ca });
    const [answer] = await new Promise<[Buffer]>((resolve, reject) => {
      client.on('error', reject);
      client.on('open', () => client.send(HELLO));
      client.on('message', (data: Buffer) => resolve([data]));
    });
    expect(answer.readUInt16LE(0)).toBe(2);
    expect(client.protocol).toBe('binary');
    client.close(1000);
    const code = await new Promise((resolve) => client.on('close', resolve));
    expect(code).toBe(1000);
  });
});

describe('frames to the client', () => {
  it('carry one PDU each, unmasked, binary and final, at most 16 KiB of payload', async () => {
    const blast = randomBytes(200_000);
    const source = await testTarget((socket) => socket.end(blast));
    const socket = await upgraded();
    const raw: Buffer[] = [];
    socket.prependListener('data', (bytes: Buffer) => raw.push(bytes));
    const client = new RawClient(webSocketPipe(socket, Buffer.alloc(0)), {
      token: await server.token(source.name),
      port: source.port,
    });
    client.start();
    await client.ended();
    expect(client.received.equals(blast)).toBe(true);
    const all = frames(Buffer.concat(raw));
    for (const { first, masked, payload } of all) {
      expect(first).toBe(0x82);
      expect(masked).toBe(false);
      expect(payload.readUInt32LE(4)).toBe(payload.length);
      expect(payload.length).toBeLessThanOrEqual(16_384 + 10);
    }
    await source.stop();
  });
});

describe('frames from the client', () => {
  it('may be fragments of a PDU, with control frames between them', async () => {
    const socket = await upgraded();
    const parts = [
      frame(0x02, HELLO.subarray(0, 5)),
      frame(0x89, Buffer.from('ping')),
      frame(0x00, HELLO.subarray(5, 9)),
      frame(0x8a, Buffer.from('an unasked pong')),
      frame(0x00, Buffer.alloc(0)),
      frame(0x80, HELLO.subarray(9)),
      frame(0x88, Buffer.from([0x03, 0xe8])),
    ];
    const [handshake, pong, close, ...more] = await answers(socket, Buffer.concat(parts));
    expect(pong).toEqual({ first: 0x8a, masked: false, payload: Buffer.from('ping') });
    expect(handshake?.payload.readUInt16LE(0)).toBe(2);
    expect(close).toEqual(closeFrame(1000));
    expect(more).toEqual([]);
  });

  it('may carry several PDUs, or no bytes', async () => {
    const socket = await upgraded();
    const two = Buffer.concat([HELLO, Buffer.from('0d00000008000000', 'hex')]);
    const all = await answers(
      socket,
      Buffer.concat([frame(0x82, Buffer.alloc(0)), frame(0x82, two), frame(0x88, Buffer.alloc(0))]),
    );
    expect(all.map(({ first }) => first)).toEqual([0x82, 0x88]);
  });

  const absurd = Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
  it.each([
    ['a text frame', frame(0x81, Buffer.from('hello')), 1003],
    ['an empty text frame', frame(0x81, Buffer.alloc(0)), 1003],
    ['a frame that is not masked', frame(0x82, HELLO, false), 1002],
    ['a message of 2^64 bytes', absurd, 1009],
    ['a reserved bit', frame(0xc2, HELLO), 1002],
    ['a reserved opcode', frame(0x83, HELLO), 1002],
    ['a continuation of nothing', frame(0x80, HELLO), 1002],
    ['a fragmented ping', frame(0x09, HELLO), 1002],
    ['a close with an impossible code', frame(0x88, Buffer.from([0x03, 0xed])), 1002],
    ['a close with half a code', frame(0x88, Buffer.from([0x03])), 1002],
  ])('%s ends the session with a close code', async (_, bytes, code) => {
    const id = randomUUID();
    const socket = await tlsSocket(server);
    const answer = await request(socket, rdgHead('RDG_OUT_DATA', id, upgradeHeaders()));
    expect(answer.status).toBe(101);
    expect(await answers(socket, Buffer.concat([bytes, frame(0x82, HELLO)]))).toEqual([closeFrame(code)]);
    const line = await server.line('session.ended', ({ connection }) => connection === id);
    expect(line.cause).toBe(code === 1009 ? 'too much data' : 'bad framing');
  });

  it('of a whole session may be ended by a close frame, which is answered', async () => {
    const client = await RawClient.open(server, {
      transport: 'websocket',
      token: await server.token(target.name),
      port: target.port,
    });
    const reached = await target.socket(target.count - 1);
    client.pipe.up.write(frame(0x88, Buffer.from([0x03, 0xe8])));
    await client.ended();
    expect(client.pipe.closeCode).toBe(1000);
    if (!reached.closed) await new Promise((resolve) => reached.once('close', resolve));
  });
});

describe('several pings in one read', () => {
  it('get one pong, for the last of them (RFC 6455 5.5.3)', async () => {
    const socket = await upgraded();
    const pings = ['first', 'second', 'last'].map((text) => frame(0x89, Buffer.from(text)));
    const end = frame(0x88, Buffer.from([0x03, 0xe8]));
    const [pong, close, ...more] = await answers(socket, Buffer.concat([...pings, end]));
    expect(pong).toEqual({ first: 0x8a, masked: false, payload: Buffer.from('last') });
    expect(close).toEqual(closeFrame(1000));
    expect(more).toEqual([]);
  });
});

describe('a client that pings and never reads', () => {
  it('does not make the gateway hold its pongs', async () => {
    // An authenticated client: an unauthenticated one may not send this much.
    const token = await server.token(target.name);
    const client = await RawClient.open(server, { transport: 'websocket', token, port: target.port });
    const [socket] = client.pipe.sockets;
    socket.removeAllListeners('data');
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 4000 }, () => frame(0x89, Buffer.alloc(125, 0x70))));
    const rounds = 80;
    for (let count = 0; count < rounds; count++) {
      if (!socket.write(pings)) await new Promise((resolve) => socket.once('drain', resolve));
      // Lets the gateway, which runs in this process, read and answer.
      await sleep(0);
    }
    socket.write(frame(0x88, Buffer.alloc(0)));
    const pongs = await remainder(socket as TLSSocket);
    expect(pongs.length).toBeGreaterThan(0);
    expect(pongs.length).toBeLessThan(KERNEL_BUFFERS_MAX);
    expect(rounds * pings.length).toBeGreaterThan(2 * KERNEL_BUFFERS_MAX);
    socket.destroy();
    await server.idle();
  });
});
