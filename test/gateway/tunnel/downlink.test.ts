import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sender } from 'ws';
import { WRITES_MAX } from '../../../src/gateway/io/write-queue.js';
import { READ_BYTES } from '../../../src/gateway/target/relay.js';
import type { Transport } from '../../../src/gateway/transport/transport.js';
import { Downlink, WINDOW } from '../../../src/gateway/tunnel/downlink.js';
import { CHUNKS, encodeChunk } from '../../../src/http/chunked.js';
import { BARE, type Envelope } from '../../../src/http/envelope.js';
import { KEEPALIVE, wrapData } from '../../../src/protocol/index.js';
import { FRAME_HEAD_MAX, writeFrameHead } from '../../../src/websocket/frames.js';

const FRAMES: Envelope = { most: FRAME_HEAD_MAX, before: writeFrameHead, after: (_to, at) => at };

/** A transport that keeps what is written, and takes it when the test says so. */
function stage(envelope: Envelope = BARE) {
  const writes: { bytes: Buffer; sent: (error?: Error | null) => void }[] = [];
  let ready = 0;
  const transport = { envelope, write: (bytes, sent) => void writes.push({ bytes, sent }) } as Pick<
    Transport,
    'envelope' | 'write'
  > as Transport;
  const downlink = new Downlink(transport, () => {
    ready++;
  });
  return {
    downlink,
    writes,
    wire: () => Buffer.concat(writes.map(({ bytes }) => bytes)),
    ready: () => ready,
    take: (error?: Error) => writes.shift()?.sent(error),
  };
}

/** Each PDU in a binary frame, by ws. */
function framedByWs(pdus: readonly Buffer[]): Buffer {
  const socket = new PassThrough({ highWaterMark: 2 ** 24 });
  const sender = new Sender(socket);
  for (const pdu of pdus) sender.send(pdu, { binary: true, compress: false, fin: true, mask: false });
  return socket.read() ?? Buffer.alloc(0);
}

/** The readable path: whole PDUs from the tables, each then put into its envelope by somebody else. */
const ENVELOPES: readonly (readonly [string, Envelope, (pdus: readonly Buffer[]) => Buffer])[] = [
  ['frames', FRAMES, framedByWs],
  ['chunks', CHUNKS, (pdus) => Buffer.concat(pdus.map(encodeChunk))],
  ['nothing', BARE, (pdus) => Buffer.concat(pdus)],
];

/** Lengths of reads: a counterexample of whole buffers could not be read by anybody. */
const lengths = fc.array(
  fc.oneof(fc.nat(300), fc.integer({ min: 2000, max: 2100 }), fc.integer({ min: 16_300, max: READ_BYTES })),
  { maxLength: 4 },
);
const payloadOf = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => length + index * 7));

describe.each(ENVELOPES)('PDUs in %s', (_, envelope, expected) => {
  it('are what the tables and another implementation make of the same bytes', () => {
    fc.assert(
      fc.property(lengths, (reads) => {
        const { downlink, wire } = stage(envelope);
        const pdus: Buffer[] = [];
        for (const bytes of reads.map(payloadOf)) {
          // The buffer of the reads is one and the same.
          const shared = Buffer.from(bytes);
          downlink.carry(shared);
          shared.fill(0);
          wrapData(bytes, (pdu) => pdus.push(pdu));
          downlink.send(KEEPALIVE.encode({}));
          pdus.push(KEEPALIVE.encode({}));
        }
        expect(wire().equals(expected(pdus))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('leave in one write for each read', () => {
    const { downlink, writes } = stage(envelope);
    downlink.carry(Buffer.alloc(READ_BYTES, 1));
    expect(writes).toHaveLength(1);
  });
});

describe('the window', () => {
  const read = Buffer.alloc(READ_BYTES);

  it('is full once so much is under way, and says when there is room again', () => {
    const { downlink, take, ready } = stage();
    let writes = 0;
    for (; !downlink.full; writes++) downlink.carry(read);
    expect(writes * READ_BYTES).toBe(WINDOW);
    expect(ready()).toBe(0);
    take();
    expect(downlink.full).toBe(false);
    expect(ready()).toBe(1);
    while (downlink.waiting > 0) take();
    expect(ready()).toBe(1);
  });

  it('counts control PDUs too: nobody fills the memory with them', () => {
    const { downlink } = stage();
    const large = Buffer.alloc(READ_BYTES);
    while (!downlink.full) downlink.send(large);
    expect(downlink.waiting).toBe(WINDOW);
  });

  it('is full of so many writes too, however short they are', () => {
    const { downlink, writes, take, ready } = stage();
    while (!downlink.full) downlink.carry(Buffer.from('.'));
    expect(writes).toHaveLength(WRITES_MAX);
    take();
    expect(downlink.full).toBe(false);
    expect(ready()).toBe(1);
  });

  it('stays full when the connection has failed: what the target sends comes to nothing', () => {
    const { downlink, take, ready } = stage();
    downlink.carry(read);
    take(new Error('gone'));
    expect(downlink.waiting).toBe(0);
    expect(downlink.full).toBe(true);
    expect(ready()).toBe(0);
  });

  it('is never flooded by a target, which is read no more once it is full', () => {
    for (const size of [1, 1000, READ_BYTES]) {
      const { downlink } = stage(FRAMES);
      while (!downlink.full) downlink.carry(Buffer.alloc(size));
      expect(downlink.flooded).toBe(false);
    }
  });

  it.each([
    ['bytes', 10_000],
    ['writes', 8],
  ])('is flooded by answers that nobody takes: too many %s', (_, size) => {
    const { downlink, writes, take } = stage();
    while (!downlink.flooded) downlink.send(Buffer.alloc(size));
    expect(downlink.waiting).toBeLessThan(2 * WINDOW + size);
    expect(writes.length).toBeLessThanOrEqual(2 * WRITES_MAX);
    take();
    expect(downlink.flooded).toBe(false);
    expect(downlink.full).toBe(true);
  });

  it('never shows one client what another one still has to be sent', () => {
    const one = stage();
    one.downlink.carry(Buffer.alloc(READ_BYTES, 1));
    one.take(new Error('gone: the system may still read it'));
    const two = stage();
    two.downlink.carry(Buffer.alloc(READ_BYTES, 2));
    const three = stage();
    three.downlink.carry(Buffer.alloc(READ_BYTES, 3));
    expect(two.wire().subarray(10, 20)).toEqual(Buffer.alloc(10, 2));
    expect(three.wire().subarray(10, 20)).toEqual(Buffer.alloc(10, 3));
  });
});
