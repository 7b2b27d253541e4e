import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readStart, type Start } from '../../../src/gateway/io/read-start.js';

const LONG_MS = 60_000;
const newSocket = (): Duplex =>
  new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done(), allowHalfOpen: false });

/** Takes the bytes before the first full stop. */
function untilStop(bytes: Buffer): Start<string> | undefined {
  const end = bytes.indexOf('.');
  if (bytes.includes('!')) throw new Error('an exclamation mark');
  return end < 0 ? undefined : { value: bytes.toString('latin1', 0, end), length: end + 1 };
}

const read = (socket: Duplex, ms = LONG_MS): Promise<string> =>
  readStart(socket as unknown as Socket, ms, untilStop).finally(() => {
    expect(socket.listenerCount('readable')).toBe(0);
  });

describe('the start of a connection', () => {
  it.each([
    ['in one piece', ['abc.rest']],
    ['in pieces', ['a', 'bc', '.', 'rest']],
    ['in pieces of which one goes on', ['ab', 'c.r', 'est']],
  ])('is read %s, and the bytes after it stay in the socket', async (_, pieces) => {
    const socket = newSocket();
    for (const piece of pieces) socket.push(piece);
    expect(await read(socket)).toBe('abc');
    expect(String(socket.read())).toBe('rest');
  });

  it('can be looked at, with all bytes left in the socket', async () => {
    const socket = newSocket();
    socket.push('abc');
    const seen = readStart(socket as unknown as Socket, LONG_MS, (bytes) => ({ value: String(bytes), length: 0 }));
    expect([await seen, String(socket.read())]).toEqual(['abc', 'abc']);
  });

  it('is refused with the error of its parser', async () => {
    const socket = newSocket();
    socket.push('a!');
    await expect(read(socket)).rejects.toThrow('an exclamation mark');
  });

  it('is late when it does not arrive in time', async () => {
    const socket = newSocket();
    socket.push('abc');
    expect(await read(socket, 10)).toBe('late');
  });

  it.each([
    ['ends', (socket: Duplex) => void socket.push(null)],
    ['is destroyed', (socket: Duplex) => void socket.destroy()],
  ])('has ended when the connection %s before or meanwhile', async (_, end) => {
    const [before, meanwhile] = [newSocket(), newSocket()];
    end(before);
    const reading = read(meanwhile);
    meanwhile.push('abc');
    end(meanwhile);
    expect([await read(before), await reading]).toEqual(['ended', 'ended']);
  });
});
