import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WRITE_QUEUE_OPTIONS, WRITE_WINDOW, WRITES_MAX, WriteQueue } from '../../../src/gateway/io/write-queue.js';
import { eventually } from '../../support/wait.js';

let server: Server;
let near: Socket;
let far: Socket;
let queue: WriteQueue;
let drains: number;

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...WRITE_QUEUE_OPTIONS });
  near.on('error', () => undefined);
  [far] = (await accepted) as [Socket];
  if (near.connecting) await once(near, 'connect');
  queue = new WriteQueue(near);
  drains = 0;
  queue.open(() => {
    drains++;
  });
});

afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
});

it.each([
  ['bytes', 10_000, Math.ceil(WRITE_WINDOW / 10_000)],
  ['writes', 1, WRITES_MAX],
])('reports when too many %s wait, loses nothing, and calls back when there is room again', async (_, size, most) => {
  // Corked, so that the system takes nothing yet.
  near.cork();
  const pieces: Buffer[] = [];
  const piece = (): Buffer => {
    const next = randomBytes(size);
    pieces.push(next);
    return next;
  };
  while (queue.write(piece()));
  const written = pieces.length * size;
  expect(queue.waiting).toBe(written);
  expect(queue.taken).toBe(0);
  expect(pieces.length).toBe(most);
  expect(drains).toBe(0);
  const got: Buffer[] = [];
  far.on('data', (bytes: Buffer) => got.push(bytes));
  far.resume();
  near.uncork();
  await eventually(() => drains > 0 && Buffer.concat(got).length === written);
  expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
  expect(queue.waiting).toBe(0);
  expect(queue.taken).toBe(written);
});

it('calls back when too many bytes and too many writes waited', async () => {
  near.cork();
  while (queue.write(Buffer.from('.')));
  expect(queue.write(Buffer.alloc(1024 * 1024))).toBe(false);
  near.uncork();
  far.resume();
  await eventually(() => drains > 0 && queue.waiting === 0);
  expect(queue.write(Buffer.from('.'))).toBe(true);
});

it('copies a small view of a large buffer', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'a');
  near.cork();
  queue.write(chunk.subarray(0, 1));
  chunk.fill('b');
  const first = once(far, 'data') as Promise<[Buffer]>;
  near.uncork();
  far.resume();
  expect((await first)[0].toString()).toBe('a');
});

it('discards writes to a closed socket, and does not ask the caller to wait', () => {
  near.destroy();
  for (let count = 0; count < 2 * WRITES_MAX; count++) expect(queue.write(Buffer.alloc(1000))).toBe(true);
  expect(queue.taken).toBe(0);
});

it('keeps the order of immediate and batched writes', async () => {
  const got: Buffer[] = [];
  far.on('data', (bytes: Buffer) => got.push(bytes));
  far.resume();
  const pieces = Array.from({ length: 200 }, () => randomBytes(100));
  for (const piece of pieces) queue.write(piece);
  near.end();
  await once(far, 'end');
  expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
});
