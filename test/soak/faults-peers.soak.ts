/** Peers that stall, vanish, drip and break off, each way. After each the gateway serves as before and holds no more than before. */
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

/** The shortest that the settings allow, so that waiting for them takes seconds. */
const HASTY = { TLS: '1', HEAD: '1', PAIRING: '1', IDENTITY: '1', SETUP: '5', DIAL: '1', CLOSE: '1' };
const ENDED_LIMIT_MS = 10_000;

let lab: Lab;
let gateway: SoakGateway;
let echo: TestTarget;
let files = 0;

beforeAll(async () => {
  lab = await openLab('soak-peers');
  const env = Object.fromEntries(Object.entries(HASTY).map(([name, value]) => [`RDGW_TIMEOUTS_${name}`, value]));
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
  await gateway.settles(files);
});

/** Ways in which a peer is gone: with a word of TCP, and with another. */
const VANISH: Readonly<Record<string, (socket: Socket) => void>> = {
  FIN: (socket) => void socket.end(),
  RST: (socket) => socket.resetAndDestroy(),
};

describe.each(Object.entries(VANISH))('a client that vanishes with %s', (_, vanish) => {
  it('after TCP, and amid TLS', async () => {
    for (const said of [Buffer.alloc(0), CLIENT_HELLO.subarray(0, 20), CLIENT_HELLO]) {
      const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(said);
      await sleep(20);
      vanish(socket);
    }
  });

  it('after TLS, amid the head, and behind it', async () => {
    const head = (lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
    const upgrade = head(rdgHead('RDG_OUT_DATA', ID, upgradeHeaders()));
    const dual = head(rdgHead('RDG_OUT_DATA', ID));
    const lonely = head(rdgHead('RDG_IN_DATA', ID, ['Content-Length: 0']));
    for (const said of ['', upgrade.slice(0, 60), upgrade, dual, lonely, 'GET / HT']) {
      const socket = await tlsSocket(gateway);
      socket.write(said);
      await sleep(20);
      vanish(tcpOf(socket));
    }
  });

  it.each(TRANSPORTS)('after each PDU over %s', async (transport) => {
    for (let pdus = 1; pdus <= SETUP_PDUS + 1; pdus++) {
      const pipe = await clientThatSends(pdus, transport);
      await sleep(20);
      for (const socket of pipe.sockets) vanish(tcpOf(socket));
    }
  });

  it.each(TRANSPORTS)('amid a DATA PDU and amid a TLS record over %s', async (transport) => {
    for (const breakOff of [halfPdu, halfRecord]) {
      const client = await gateway.client(echo, { transport });
      breakOff(client);
      await sleep(20);
      for (const socket of client.pipe.sockets) vanish(tcpOf(socket));
    }
  });
});

const ID = '6f1ba1ea-0000-4000-8000-000000000000';
/** HANDSHAKE_REQUEST, TUNNEL_CREATE, TUNNEL_AUTH_REQUEST, CHANNEL_CREATE; the one behind them is DATA. */
const SETUP_PDUS = 4;
/** Its beginning; what follows never comes. */
const CLIENT_HELLO = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), randomBytes(64)]);

/** A client that has sent this many PDUs and goes no further. */
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

function halfPdu(client: RawClient): void {
  const [pdu = Buffer.alloc(0)] = client.wrap(randomBytes(1000));
  client.pipe.send(pdu.subarray(0, 500));
}

/** A record that says it is long, and breaks off: written below TLS. */
function halfRecord({ pipe: { up } }: RawClient): void {
  tcpOf(up).write(Buffer.concat([Buffer.from([0x17, 3, 3, 0x40, 0]), randomBytes(100)]));
}

it('a TLS record that stops half way holds up nobody else, and is not cut short by us', async () => {
  const client = await gateway.client(echo);
  halfRecord(client);
  await expectServing(gateway, echo);
  expect(client.closed).toBe(false);
  client.pipe.close();
});

describe.each(TRANSPORTS)('over %s', (transport) => {
  /** More than the kernels between two peers hold, so that somebody has to wait. */
  const BYTES = 24 * MIB;
  const BLOCK = randomBytes(64 * 1024);
  const DIGEST = createHash('sha256')
    .update(Buffer.concat(Array(BYTES / BLOCK.length).fill(BLOCK)))
    .digest('hex');

  it('a client that reads slowly gets everything', async () => {
    const target = await testTarget((socket) => void pour(socket, BYTES / BLOCK.length));
    const hash = createHash('sha256');
    const client = await gateway.client(target, { transport });
    client.sink = (bytes) => void hash.update(bytes);
    const slow = reluctant(client.pipe.sockets[0]);
    await client.when(() => client.receivedBytes >= BYTES || client.closed);
    slow.stop();
    expect(client.receivedBytes).toBe(BYTES);
    expect(hash.digest('hex')).toBe(DIGEST);
    client.pipe.close();
    await target.stop();
  });

  it('a target that reads slowly gets everything', async () => {
    const hash = createHash('sha256');
    let bytes = 0;
    const target = await testTarget((socket) => {
      socket.on('data', (piece) => {
        hash.update(piece);
        bytes += piece.length;
      });
    });
    const client = await gateway.client(target, { transport });
    const slow = reluctant(await target.socket(0));
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

  it('a target that trickles is heard byte by byte', async () => {
    const said = 'slowly';
    const target = await testTarget(async (socket) => {
      for (const letter of said) {
        socket.write(letter);
        await sleep(100);
      }
    });
    const client = await gateway.client(target, { transport });
    expect((await client.gets(said.length)).toString()).toBe(said);
    client.pipe.close();
    await target.stop();
  });

  it('a target that resets ends its session, and the client is told', async () => {
    const target = await testTarget((socket) => void setTimeout(() => socket.resetAndDestroy(), 50));
    const client = await gateway.client(target, { transport });
    await client.until('closed');
    client.pipe.close();
    await target.stop();
  });

  it('a target that hangs in connect is refused at its deadline', async () => {
    const silent = await silentPort();
    const name = `127.0.0.1:${silent.port}`;
    const client = await RawClient.start(gateway, { transport, token: await gateway.token(name), port: silent.port });
    await client.ended();
    silent.stop();
    expect(client.effects.some((effect) => effect.do === 'opened')).toBe(false);
    client.pipe.close();
  });

  it('peers that never read are let go with their sessions', async () => {
    const target = await testTarget((socket) => {
      socket.pause();
      void pour(socket, BYTES / BLOCK.length);
    });
    const client = await gateway.client(target, { transport });
    for (const socket of client.pipe.sockets) socket.pause();
    for (let sent = 0; sent < BYTES; sent += BLOCK.length) client.send(BLOCK);
    await sleep(500);
    await expectServing(gateway, echo);
    client.pipe.close();
    await target.stop();
  });

  async function pour(socket: Socket, blocks: number): Promise<void> {
    for (let sent = 0; sent < blocks && !socket.destroyed; sent++)
      await new Promise<void>((resolve) => void socket.write(BLOCK, () => resolve()));
  }
});

/** Reads a little, then nothing for a while, and so on. */
function reluctant(socket: TLSSocket | Socket): { stop(): void } {
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
