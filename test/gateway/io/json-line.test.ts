import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonLine, readLine } from '../../../src/gateway/io/json-line.js';

const LONG_MS = 60_000;
let one: Socket;
let other: Socket;

beforeEach(async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  one = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [other] = (await once(server, 'connection')) as [Socket];
  for (const socket of [one, other]) socket.on('error', () => undefined);
  server.close();
});
afterEach(() => {
  for (const socket of [one, other]) socket.destroy();
});

describe('a line', () => {
  it('is read however it is split, and later bytes stay in the socket', async () => {
    const line = readLine(other, LONG_MS);
    const text = jsonLine({ name: 'ü\n' });
    for (const byte of Buffer.from(text).subarray(0, -1)) one.write(Buffer.of(byte));
    one.write(`${text.slice(-1)}rest`);
    expect(await line).toEqual({ name: 'ü\n' });
    expect(String((await once(other, 'data'))[0])).toBe('rest');
  });

  it.each([
    ['no JSON', () => one.write('nonsense\n'), /JSON/],
    ['without an end', () => one.write('x'.repeat(5000)), /no end/],
    ['cut off', () => one.end('{"a":'), /is gone/],
  ])('%s is refused', async (_, write, reason) => {
    const line = readLine(other, LONG_MS);
    write();
    await expect(line).rejects.toThrow(reason);
  });

  it('that does not arrive in time is refused, and no listener stays', async () => {
    await expect(readLine(other, 10)).rejects.toThrow(/does not answer/);
    expect(other.listenerCount('readable')).toBe(0);
  });
});
