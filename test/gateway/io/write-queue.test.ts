import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WRITE_QUEUE_OPTIONS, WRITE_WINDOW, WRITES_MAX, WriteQueue } from '../../../src/gateway/io/write-queue.js';
import { eventually } from '../../support/wait.js';

let server: Server;
let near: Socket;
let far: Socket;
let outlet: WriteQueue;
let drains: number;

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...WRITE_QUEUE_OPTIONS });
  near.on('error', () => undefined);
  [far] = (await accepted) as [Socket];
  if (near.connecting) await once(near, 'connect');
  outlet = new WriteQueue(near);
  drains = 0;
  outlet.open(() => {
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
])('says when %s are too many, loses nothing, and says when there is room again', async (_, size, most) => {
  // What the system takes by itself is not what is meant here.
  near.cork();
  const pieces: Buffer[] = [];
  const piece = (): Buffer => {
    const next = randomBytes(size);
    pieces.push(next);
    return next;
  };
  while (outlet.write(piece()));
  const written = pieces.length * size;
  expect(outlet.waiting).toBe(written);
  expect(outlet.taken).toBe(0);
  expect(pieces.length).toBe(most);
  expect(drains).toBe(0);
  const got: Buffer[] = [];
  far.on('data', (bytes: Buffer) => got.push(bytes));
  far.resume();
  near.uncork();
  await eventually(() => drains > 0 && Buffer.concat(got).length === written);
  expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
  expect(outlet.waiting).toBe(0);
  expect(outlet.taken).toBe(written);
});

it('has room again where both bytes and writes were too many', async () => {
  near.cork();
  while (outlet.write(Buffer.from('.')));
  expect(outlet.write(Buffer.alloc(1024 * 1024))).toBe(false);
  near.uncork();
  far.resume();
  await eventually(() => drains > 0 && outlet.waiting === 0);
  expect(outlet.write(Buffer.from('.'))).toBe(true);
});

it('keeps no large chunk for a small view', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'a');
  near.cork();
  outlet.write(chunk.subarray(0, 1));
  chunk.fill('b');
  const first = once(far, 'data') as Promise<[Buffer]>;
  near.uncork();
  far.resume();
  expect((await first)[0].toString()).toBe('a');
});

it('takes what comes for a socket that is gone, and asks nobody to wait', () => {
  near.destroy();
  for (let count = 0; count < 2 * WRITES_MAX; count++) expect(outlet.write(Buffer.alloc(1000))).toBe(true);
  expect(outlet.taken).toBe(0);
});

it('keeps the order of what goes at once and what follows on its heels', async () => {
  const got: Buffer[] = [];
  far.on('data', (bytes: Buffer) => got.push(bytes));
  far.resume();
  const pieces = Array.from({ length: 200 }, () => randomBytes(100));
  for (const piece of pieces) outlet.write(piece);
  near.end();
  await once(far, 'end');
  expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
});
