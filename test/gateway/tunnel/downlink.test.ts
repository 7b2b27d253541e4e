import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sender } from 'ws';
import { WRITES_MAX } from '../../../src/gateway/io/write-queue.js';
import { READ_BYTES } from '../../../src/gateway/target/relay.js';
import type { Transport } from '../../../src/gateway/transport/transport.js';
import { Downlink, WINDOW } from '../../../src/gateway/tunnel/downlink.js';
import { CHUNK_ENVELOPE, encodeChunk } from '../../../src/http/chunked.js';
import { type Envelope, NO_ENVELOPE } from '../../../src/http/envelope.js';
import { KEEPALIVE, wrapData } from '../../../src/protocol/index.js';
import { FRAME_HEAD_MAX, writeFrameHead } from '../../../src/websocket/frames.js';

const FRAMES: Envelope = { maxOverhead: FRAME_HEAD_MAX, writePrefix: writeFrameHead, writeSuffix: (_to, at) => at };

/** A downlink on a transport that keeps all writes until the test calls `take`. */
function newDownlink(envelope: Envelope = NO_ENVELOPE) {
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
    written: () => Buffer.concat(writes.map(({ bytes }) => bytes)),
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

/** The expected bytes: whole PDUs from the packet tables, each put into its envelope by another implementation. */
const ENVELOPES: readonly (readonly [string, Envelope, (pdus: readonly Buffer[]) => Buffer])[] = [
  ['frames', FRAMES, framedByWs],
  ['chunks', CHUNK_ENVELOPE, (pdus) => Buffer.concat(pdus.map(encodeChunk))],
  ['nothing', NO_ENVELOPE, (pdus) => Buffer.concat(pdus)],
];

/** Lengths of reads, so that counterexamples stay readable. */
const lengths = fc.array(
  fc.oneof(fc.nat(300), fc.integer({ min: 2000, max: 2100 }), fc.integer({ min: 16_300, max: READ_BYTES })),
  { maxLength: 4 },
);
const payloadOf = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => length + index * 7));

describe.each(ENVELOPES)('PDUs in %s', (_, envelope, expected) => {
  it('are equal to those of the packet tables and another implementation', () => {
    fc.assert(
      fc.property(lengths, (reads) => {
        const { downlink, written } = newDownlink(envelope);
        const pdus: Buffer[] = [];
        for (const bytes of reads.map(payloadOf)) {
          // All reads share one buffer.
          const shared = Buffer.from(bytes);
          downlink.sendData(shared);
          shared.fill(0);
          wrapData(bytes, (pdu) => pdus.push(pdu));
          downlink.send(KEEPALIVE.encode({}));
          pdus.push(KEEPALIVE.encode({}));
        }
        expect(written().equals(expected(pdus))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('are sent with one write for each read', () => {
    const { downlink, writes } = newDownlink(envelope);
    downlink.sendData(Buffer.alloc(READ_BYTES, 1));
    expect(writes).toHaveLength(1);
  });
});

describe('the window', () => {
  const read = Buffer.alloc(READ_BYTES);

  it('is full when WINDOW bytes wait, and calls back when there is room again', () => {
    const { downlink, take, ready } = newDownlink();
    let writes = 0;
    for (; !downlink.full; writes++) downlink.sendData(read);
    expect(writes * READ_BYTES).toBe(WINDOW);
    expect(ready()).toBe(0);
    take();
    expect(downlink.full).toBe(false);
    expect(ready()).toBe(1);
    while (downlink.waiting > 0) take();
    expect(ready()).toBe(1);
  });

  it('counts control PDUs too, so that they cannot fill the memory', () => {
    const { downlink } = newDownlink();
    const large = Buffer.alloc(READ_BYTES);
    while (!downlink.full) downlink.send(large);
    expect(downlink.waiting).toBe(WINDOW);
  });

  it('is full when WRITES_MAX writes of any length wait', () => {
    const { downlink, writes, take, ready } = newDownlink();
    while (!downlink.full) downlink.sendData(Buffer.from('.'));
    expect(writes).toHaveLength(WRITES_MAX);
    take();
    expect(downlink.full).toBe(false);
    expect(ready()).toBe(1);
  });

  it('stays full when the connection has failed, so that the target is not read any more', () => {
    const { downlink, take, ready } = newDownlink();
    downlink.sendData(read);
    take(new Error('closed'));
    expect(downlink.waiting).toBe(0);
    expect(downlink.full).toBe(true);
    expect(ready()).toBe(0);
  });

  it('is never overfull from data of a target, which is paused when the window is full', () => {
    for (const size of [1, 1000, READ_BYTES]) {
      const { downlink } = newDownlink(FRAMES);
      while (!downlink.full) downlink.sendData(Buffer.alloc(size));
      expect(downlink.overfull).toBe(false);
    }
  });

  it.each([
    ['bytes', 10_000],
    ['writes', 8],
  ])('is overfull when the client takes no answers: too many %s', (_, size) => {
    const { downlink, writes, take } = newDownlink();
    while (!downlink.overfull) downlink.send(Buffer.alloc(size));
    expect(downlink.waiting).toBeLessThan(2 * WINDOW + size);
    expect(writes.length).toBeLessThanOrEqual(2 * WRITES_MAX);
    take();
    expect(downlink.overfull).toBe(false);
    expect(downlink.full).toBe(true);
  });

  it('never sends one client bytes that wait for another one', () => {
    const one = newDownlink();
    one.downlink.sendData(Buffer.alloc(READ_BYTES, 1));
    one.take(new Error('closed: the system may still read it'));
    const two = newDownlink();
    two.downlink.sendData(Buffer.alloc(READ_BYTES, 2));
    const three = newDownlink();
    three.downlink.sendData(Buffer.alloc(READ_BYTES, 3));
    expect(two.written().subarray(10, 20)).toEqual(Buffer.alloc(10, 2));
    expect(three.written().subarray(10, 20)).toEqual(Buffer.alloc(10, 3));
  });
});
