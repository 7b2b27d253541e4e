import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { boundLives } from '../../src/gateway/lives.js';
import { createWeb } from '../../src/gateway/web.js';
import { serveMetrics } from '../../src/serve/metrics.js';
import { eventually, sleep } from '../support/wait.js';

const LIFE_MS = 200;
const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function portOf(server: Pick<Server, 'listen' | 'address' | 'once' | 'close'>): Promise<number> {
  server.listen(0, '127.0.0.1');
  ends.push(() => server.close());
  await new Promise<void>((resolve) => void server.once('listening', () => resolve()));
  return (server.address() as AddressInfo).port;
}

/** A client that keeps what it hears. */
async function client(port: number): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(port, '127.0.0.1');
  ends.push(() => socket.destroy());
  socket.on('error', () => undefined);
  let heard = '';
  socket.on('data', (bytes) => (heard += bytes));
  await once(socket, 'connect');
  return { socket, heard: () => heard };
}

/** One request, and then for ever what is none. */
async function dawdle(port: number): Promise<string> {
  const { socket, heard } = await client(port);
  socket.write(GET);
  const dripping = setInterval(() => socket.write('\r\n'), 10);
  await once(socket, 'close');
  clearInterval(dripping);
  return heard();
}

const web = { limits: { headBytes: 8192, headFields: 100 }, headTimeoutMs: 60_000, closeTimeoutMs: 60_000 };

describe('a client that sends empty lines after its request', () => {
  it('is cut by the port of the gateway', async () => {
    const { server } = createWeb({
      settings: web,
      unwell: () => undefined,
      upgrade: () => undefined,
      lifeMs: LIFE_MS,
    });
    const port = await portOf(createTcpServer((socket) => void server.emit('connection', socket)) as never);
    expect(await dawdle(port)).toMatch(/^HTTP\/1.1 200 /);
  });

  it('is cut by the port of the metrics', async () => {
    const metrics = await serveMetrics({ host: '127.0.0.1', port: 0 }, () => Promise.reject(new Error()), LIFE_MS);
    ends.push(() => void metrics.close());
    expect(await dawdle(metrics.address.port)).toMatch(/^HTTP\/1.1 404 /);
  });
});

describe('a connection of ordinary HTTP', () => {
  it('hears in time which answer is its last', async () => {
    const server = createServer((_, response) => {
      lives.bound(response);
      response.end();
    });
    const lives = boundLives(server, 2 * LIFE_MS);
    const { socket, heard } = await client(await portOf(server));
    socket.write(GET);
    await eventually(() => heard().includes('\r\n\r\n'));
    expect(heard()).not.toMatch(/Connection: close/);
    await sleep(LIFE_MS + 50);
    socket.write(GET);
    await once(socket, 'end');
    expect(heard()).toMatch(/Connection: close/);
  });

  it('lives on when somebody else has taken it', async () => {
    const server = createServer();
    const lives = boundLives(server, LIFE_MS);
    let taken: Socket | undefined;
    server.on('upgrade', (_, socket: Socket) => {
      lives.letGo(socket);
      taken = socket;
    });
    const { socket } = await client(await portOf(server));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    await sleep(2 * LIFE_MS);
    taken?.end('still there');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('still there');
  });
});
