import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limitConnectionAge, MAX_AGE_MS } from '../../src/serve/connection-age.js';
import { serveMetrics } from '../../src/serve/metrics.js';

const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const ends: (() => void)[] = [];

// Only the age is faked: the limits of node:http use other timers, which no test reaches in its few milliseconds.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => void setImmediate(resolve));
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A client that keeps the bytes it receives. */
async function client(port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1');
  ends.push(() => socket.destroy());
  socket.on('error', () => undefined);
  let received = '';
  socket.on('data', (bytes) => (received += bytes));
  await once(socket, 'connect');
  return { socket, received: () => received };
}

/** Sends one request and then empty lines until the connection has its maximum age. Returns the received text. */
async function sendEmptyLines(port: number): Promise<string> {
  const { socket, received } = await client(port);
  socket.write(GET);
  await until(() => received() !== '');
  for (let count = 0; count < 10; count++) {
    vi.advanceTimersByTime(MAX_AGE_MS / 10 - 1);
    await new Promise((resolve) => void socket.write('\r\n', resolve));
    expect(socket.closed).toBe(false);
  }
  vi.advanceTimersByTime(MAX_AGE_MS / 10);
  await until(() => socket.closed);
  return received();
}

describe('a client that sends empty lines after its request', () => {
  it('is cut by the port of the metrics', async () => {
    const metrics = await serveMetrics({ host: '127.0.0.1', port: 0 }, () => Promise.reject(new Error()));
    ends.push(() => void metrics.close());
    expect(await sendEmptyLines(metrics.address.port)).toMatch(/^HTTP\/1.1 404 /);
  });
});

describe('a connection of ordinary HTTP', () => {
  it('gets `Connection: close` in the second half of its maximum age', async () => {
    const server = createServer((_, response) => {
      connectionAge.announceEnd(response);
      response.end();
    });
    const connectionAge = limitConnectionAge(server);
    const { socket, received } = await client(await portOf(server));
    socket.write(GET);
    await until(() => received().includes('\r\n\r\n'));
    expect(received()).not.toMatch(/Connection: close/);
    vi.advanceTimersByTime(MAX_AGE_MS / 2 + 1);
    socket.write(GET);
    await until(() => socket.readableEnded);
    expect(received()).toMatch(/Connection: close/);
  });
});
