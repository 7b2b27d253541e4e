/** Peers that disconnect, are slow, or stall. After each test the gateway serves and has released everything. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { until } from '../lab/until.js';
import {
  openPipe,
  type Pipe,
  RawClient,
  rdgHead,
  TRANSPORTS,
  type TransportKind,
  tcpOf,
  tlsSocket,
  upgradeHeaders,
} from '../support/client.js';
import { echoTarget, silentPort, type TestTarget, testTarget } from '../support/target.js';
import { sleep } from '../support/wait.js';
import { MIB } from './figures.js';
import { expectServing, type SoakGateway, startSoakGateway } from './gateway.js';
import { openFiles } from './process.js';

/** The shortest timeouts that the settings allow, in seconds. */
const SHORT_TIMEOUTS = { TLS: '1', HEAD: '1', PAIRING: '1', IDENTITY: '1', SETUP: '5', DIAL: '1', CLOSE: '1' };
const ENDED_LIMIT_MS = 10_000;

let lab: Lab;
let gateway: SoakGateway;
let echo: TestTarget;
let files = 0;

beforeAll(async () => {
  lab = await openLab('soak-peers');
  const env = Object.fromEntries(
    Object.entries(SHORT_TIMEOUTS).map(([name, value]) => [`RDGW_TIMEOUTS_${name}`, value]),
  );
  gateway = await startSoakGateway(lab, { env });
  echo = await echoTarget();
  files = openFiles(gateway.pid);
});

afterAll(async () => {
  await echo?.stop();
  await lab?.close();
});

afterEach(async () => {
  await expectServing(gateway, echo);
  await gateway.waitForFiles(files);
});

/** The ways to end a TCP connection. */
const DISCONNECTS: Readonly<Record<string, (socket: Socket) => void>> = {
  FIN: (socket) => void socket.end(),
  RST: (socket) => socket.resetAndDestroy(),
};

describe.each(Object.entries(DISCONNECTS))('a client that disconnects with %s', (_, disconnect) => {
  it('before and during the TLS handshake', async () => {
    for (const bytes of [Buffer.alloc(0), CLIENT_HELLO.subarray(0, 20), CLIENT_HELLO]) {
      const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(bytes);
      await sleep(20);
      disconnect(socket);
    }
  });

  it('before, during and after the request head', async () => {
    const head = (lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
    const upgrade = head(rdgHead('RDG_OUT_DATA', ID, upgradeHeaders()));
    const dual = head(rdgHead('RDG_OUT_DATA', ID));
    const unpaired = head(rdgHead('RDG_IN_DATA', ID, ['Content-Length: 0']));
    for (const bytes of ['', upgrade.slice(0, 60), upgrade, dual, unpaired, 'GET / HT']) {
      const socket = await tlsSocket(gateway);
      socket.write(bytes);
      await sleep(20);
      disconnect(tcpOf(socket));
    }
  });

  it.each(TRANSPORTS)('after each PDU over %s', async (transport) => {
    for (let pdus = 1; pdus <= SETUP_PDUS + 1; pdus++) {
      const pipe = await clientThatSends(pdus, transport);
      await sleep(20);
      for (const socket of pipe.sockets) disconnect(tcpOf(socket));
    }
  });

  it.each(TRANSPORTS)('in the middle of a DATA PDU and of a TLS record over %s', async (transport) => {
    for (const sendHalf of [sendHalfPdu, sendHalfRecord]) {
      const client = await gateway.client(echo, { transport });
      sendHalf(client);
      await sleep(20);
      for (const socket of client.pipe.sockets) disconnect(tcpOf(socket));
    }
  });
});

const ID = '6f1ba1ea-0000-4000-8000-000000000000';
/** HANDSHAKE_REQUEST, TUNNEL_CREATE, TUNNEL_AUTH_REQUEST, CHANNEL_CREATE. The next PDU is DATA. */
const SETUP_PDUS = 4;
/** The beginning of a ClientHello. The rest is never sent. */
const CLIENT_HELLO = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), randomBytes(64)]);

/** A client that has sent this number of PDUs and sends nothing more. */
async function clientThatSends(pdus: number, transport: TransportKind): Promise<Pipe> {
  const pipe = await openPipe(gateway, { transport });
  let left = pdus;
  const limited: Pipe = { ...pipe, send: (pdu) => void (left-- > 0 && pipe.send(pdu)) };
  const client = new RawClient(limited, { token: await gateway.token(echo.name), port: echo.port });
  client.start();
  await until('the last PDU to be sent', ENDED_LIMIT_MS, () => {
    if (client.effects.some((effect) => effect.do === 'opened')) client.send(randomBytes(100));
    return left <= 0;
  });
  return pipe;
}

function sendHalfPdu(client: RawClient): void {
  const [pdu = Buffer.alloc(0)] = client.wrap(randomBytes(1000));
  client.pipe.send(pdu.subarray(0, 500));
}

/** Writes the header and only a part of a long TLS record to the TCP socket. */
function sendHalfRecord({ pipe: { up } }: RawClient): void {
  tcpOf(up).write(Buffer.concat([Buffer.from([0x17, 3, 3, 0x40, 0]), randomBytes(100)]));
}

it('an incomplete TLS record neither delays other sessions nor ends its own', async () => {
  const client = await gateway.client(echo);
  sendHalfRecord(client);
  await expectServing(gateway, echo);
  expect(client.closed).toBe(false);
  client.pipe.close();
});

describe.each(TRANSPORTS)('over %s', (transport) => {
  /** More than all socket buffers between client and target hold, so that the sender must wait. */
  const BYTES = 24 * MIB;
  const BLOCK = randomBytes(64 * 1024);
  const DIGEST = createHash('sha256')
    .update(Buffer.concat(Array(BYTES / BLOCK.length).fill(BLOCK)))
    .digest('hex');

  it('a client that reads slowly receives everything', async () => {
    const target = await testTarget((socket) => void sendBlocks(socket, BYTES / BLOCK.length));
    const hash = createHash('sha256');
    const client = await gateway.client(target, { transport });
    client.sink = (bytes) => void hash.update(bytes);
    const slow = readSlowly(client.pipe.sockets[0]);
    await client.when(() => client.receivedBytes >= BYTES || client.closed);
    slow.stop();
    expect(client.receivedBytes).toBe(BYTES);
    expect(hash.digest('hex')).toBe(DIGEST);
    client.pipe.close();
    await target.stop();
  });

  it('a target that reads slowly receives everything', async () => {
    const hash = createHash('sha256');
    let bytes = 0;
    const target = await testTarget((socket) => {
      socket.on('data', (piece) => {
        hash.update(piece);
        bytes += piece.length;
      });
    });
    const client = await gateway.client(target, { transport });
    const slow = readSlowly(await target.socket(0));
    for (let sent = 0; sent < BYTES; sent += BLOCK.length) {
      client.send(BLOCK);
      await new Promise<void>((resolve) => void client.pipe.up.write('', () => resolve()));
    }
    await until('all bytes', 60_000, () => bytes >= BYTES);
    slow.stop();
    expect(hash.digest('hex')).toBe(DIGEST);
    client.pipe.close();
    await target.stop();
  });

  it('bytes that a target sends one by one arrive without delay', async () => {
    const text = 'slowly';
    const target = await testTarget(async (socket) => {
      for (const letter of text) {
        socket.write(letter);
        await sleep(100);
      }
    });
    const client = await gateway.client(target, { transport });
    expect((await client.waitForBytes(text.length)).toString()).toBe(text);
    client.pipe.close();
    await target.stop();
  });

  it('a target that resets its connection closes the channel of the client', async () => {
    const target = await testTarget((socket) => void setTimeout(() => socket.resetAndDestroy(), 50));
    const client = await gateway.client(target, { transport });
    await client.until('closed');
    client.pipe.close();
    await target.stop();
  });

  it('a target that does not accept the connection is given up after timeouts.dial', async () => {
    const silent = await silentPort();
    const name = `127.0.0.1:${silent.port}`;
    const client = await RawClient.start(gateway, { transport, token: await gateway.token(name), port: silent.port });
    await client.ended();
    silent.stop();
    expect(client.effects.some((effect) => effect.do === 'opened')).toBe(false);
    client.pipe.close();
  });

  it('sessions whose peers never read are released when they close', async () => {
    const target = await testTarget((socket) => {
      socket.pause();
      void sendBlocks(socket, BYTES / BLOCK.length);
    });
    const client = await gateway.client(target, { transport });
    for (const socket of client.pipe.sockets) socket.pause();
    for (let sent = 0; sent < BYTES; sent += BLOCK.length) client.send(BLOCK);
    await sleep(500);
    await expectServing(gateway, echo);
    client.pipe.close();
    await target.stop();
  });

  async function sendBlocks(socket: Socket, blocks: number): Promise<void> {
    for (let sent = 0; sent < blocks && !socket.destroyed; sent++)
      await new Promise<void>((resolve) => void socket.write(BLOCK, () => resolve()));
  }
});

/** Alternates between reading and pausing every 20 ms. */
function readSlowly(socket: TLSSocket | Socket): { stop(): void } {
  const timer = setInterval(() => {
    if (socket.isPaused()) socket.resume();
    else socket.pause();
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      socket.resume();
    },
  };
}
