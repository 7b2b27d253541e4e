import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaitClientHello, RECORD_MAX } from '../../../src/gateway/admission/client-hello.js';
import { eventually } from '../../support/wait.js';

const server = createServer();
let port = 0;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as { port: number }).port;
});
afterAll(() => void server.close());

interface Waiting {
  readonly client: Socket;
  readonly accepted: Socket;
  readonly events: string[];
}

async function waiting(limitMs = 60_000): Promise<Waiting> {
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.setNoDelay(true);
  const [accepted] = await accepting;
  const events: string[] = [];
  void awaitClientHello(accepted, limitMs).then((result) => void events.push(result));
  return { client, accepted, events };
}

/** The length of a record, as characters of latin1. */
const lengthOf = (bytes: number): string => String.fromCharCode(bytes >> 8, bytes & 0xff);

const HELLO = Buffer.concat([Buffer.from('1603010200', 'hex'), Buffer.alloc(0x200, 1)]);

describe('waiting for a ClientHello', () => {
  it.each([
    ['in one piece', [HELLO]],
    ['in two', [HELLO.subarray(0, 3), HELLO.subarray(3)]],
    ['byte by byte', Array.from(HELLO, (_, index) => HELLO.subarray(index, index + 1))],
    ['with more after it', [Buffer.concat([HELLO, Buffer.from('more')])]],
  ])('ends with the last byte of one %s, which stays to be read', async (_, pieces) => {
    const { client, accepted, events } = await waiting();
    for (const [index, piece] of pieces.entries()) {
      expect(events).toEqual([]);
      await new Promise((resolve) => void client.write(piece, resolve));
      if (index < pieces.length - 1 && pieces.length < 10) await eventually(() => accepted.bytesRead >= piece.length);
    }
    await eventually(() => events.length > 0);
    expect(events).toEqual(['arrived']);
    expect(accepted.read()).toEqual(Buffer.concat(pieces));
    client.destroy();
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['an alert', '\x15\x03\x01\x00\x02'],
    ['an empty record', '\x16\x03\x01\x00\x00'],
    ['the header of a record that is longer than TLS allows', `\x16\x03\x01${lengthOf(RECORD_MAX + 1)}`],
  ])('ends with %s, which TLS refuses', async (_, text) => {
    const { client, accepted, events } = await waiting();
    client.write(text, 'latin1');
    await eventually(() => events.length > 0);
    expect([events, accepted.read()?.toString('latin1')]).toEqual([['arrived'], text]);
    client.destroy();
  });

  it('waits for the whole of the longest record that TLS allows', async () => {
    const { client, accepted, events } = await waiting();
    const record = Buffer.concat([
      Buffer.from(`\x16\x03\x01${lengthOf(RECORD_MAX)}`, 'latin1'),
      Buffer.alloc(RECORD_MAX),
    ]);
    client.write(record.subarray(0, -1));
    await eventually(() => accepted.bytesRead === record.length - 1);
    expect(events).toEqual([]);
    client.write(record.subarray(-1));
    await eventually(() => events.length > 0);
    expect(events).toEqual(['arrived']);
    client.destroy();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['all but the last byte', HELLO.subarray(0, -1)],
    ['less than a header', HELLO.subarray(0, 4)],
  ])('ends after its time limit when there is %s', async (_, bytes) => {
    const { client, events } = await waiting(100);
    if (bytes.length > 0) client.write(bytes);
    await eventually(() => events.length > 0);
    expect(events).toEqual(['late']);
    client.destroy();
  });

  it.each([
    ['ends', (client: Socket) => void client.end()],
    ['is reset', (client: Socket) => void client.resetAndDestroy()],
  ])('ends once when the connection %s before', async (_, end) => {
    const { client, accepted, events } = await waiting(200);
    client.write(HELLO.subarray(0, 100));
    await eventually(() => accepted.bytesRead === 100);
    end(client);
    await eventually(() => accepted.closed);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(events).toEqual(['ended']);
  });
});
