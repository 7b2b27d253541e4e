/**
 * Lengths, numbers and addresses were compared with tshark 4.0.17 on these packets, except for an IPv6 payload length
 * of 0, which tshark does not read.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentReader, type SkipReason } from '../../../src/capture/ip/ip.js';
import { LINK_TYPES } from '../../../src/capture/ip/link.js';
import type { CapturedPacket, TcpSegment } from '../../../src/capture/types.js';
import { ethernet, frame, ip4, type Segment, tcp } from '../../support/pcap.js';
import { CAPTURES, FACTS, readCapture } from '../../support/read-capture.js';

function packet(bytes: Buffer, linkType = 1, originalLength = bytes.length): CapturedPacket {
  return { frame: 7, time: 5n, linkType, bytes, originalLength };
}

function read(bytes: Buffer, linkType = 1, originalLength = bytes.length): TcpSegment {
  const segment = new SegmentReader().read(packet(bytes, linkType, originalLength));
  if (typeof segment === 'string') throw new Error(segment);
  return segment;
}

const HELLO: Segment = { sequence: 0xfffffffe, acknowledgement: 0x80000001, flags: 'AP', data: 'hello' };

/** An IPv6 packet with extension headers before its payload: pairs of header number and bytes after the first. */
function ip6(payload: Buffer, extensions: readonly (readonly [number, Buffer])[] = [], length?: number): Buffer {
  const numbers = [...extensions.map(([number]) => number), 6];
  const headers = extensions.map(([, tail], i) => Buffer.concat([Buffer.from([numbers[i + 1] as number]), tail]));
  const body = Buffer.concat([...headers, payload]);
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(length ?? body.length, 4);
  header[6] = numbers[0] as number;
  Buffer.from('20010db8000000000001000000000001', 'hex').copy(header, 8);
  Buffer.from('fd000000000000000000000000000002', 'hex').copy(header, 24);
  return Buffer.concat([header, body]);
}

describe('segment', () => {
  it('in IPv4', () => {
    expect(read(frame(HELLO))).toEqual({
      frame: 7,
      time: 5n,
      source: { address: '10.0.0.1', port: 50_000 },
      destination: { address: '10.0.0.2', port: 443 },
      sequence: 0xfffffffe,
      acknowledgement: 0x80000001,
      syn: false,
      ack: true,
      fin: false,
      rst: false,
      payload: Buffer.from('hello'),
      payloadLength: 5,
    });
  });

  it.each([
    ['S', [true, false, false, false]],
    ['SA', [true, true, false, false]],
    ['FA', [false, true, true, false]],
    ['R', [false, false, false, true]],
  ])('with flags %s', (flags, expected) => {
    const { syn, ack, fin, rst } = read(frame({ flags }));
    expect([syn, ack, fin, rst]).toEqual(expected);
  });

  it('after IP and TCP options', () => {
    const bytes = ethernet(ip4(tcp({ ...HELLO, options: 12 }), 'client', { options: 8 }));
    expect(read(bytes)).toEqual(read(frame(HELLO)));
  });

  it('without link layer padding', () => {
    const bytes = Buffer.concat([frame({ flags: 'A' }), Buffer.alloc(6)]);
    expect(read(bytes)).toMatchObject({ payloadLength: 0, payload: Buffer.alloc(0) });
  });

  it('with length 0 in the IP header (segmentation offload)', () => {
    const data = Buffer.alloc(60_000, 7);
    expect(read(ethernet(ip4(tcp({ data }), 'client', { total: 0 }))).payload.equals(data)).toBe(true);
    expect(read(ethernet(ip6(tcp({ data }), [], 0), 0x86dd)).payload.equals(data)).toBe(true);
  });

  it('truncated by the capture', () => {
    const bytes = frame({ data: Buffer.alloc(1000, 7) });
    expect(read(bytes.subarray(0, 100), 1, bytes.length)).toMatchObject({
      payloadLength: 1000,
      payload: Buffer.alloc(46, 7),
    });
    expect(read(bytes.subarray(0, 54), 1, bytes.length)).toMatchObject({
      payloadLength: 1000,
      payload: Buffer.alloc(0),
    });
  });

  it.each([
    ['no extensions', []],
    ['hop-by-hop', [[0, Buffer.alloc(7)]]],
    [
      'routing and destination options',
      [
        [43, Buffer.from([1, ...Buffer.alloc(14)])],
        [60, Buffer.alloc(7)],
      ],
    ],
    ['an atomic fragment header', [[44, Buffer.alloc(7)]]],
    ['authentication', [[51, Buffer.from([4, ...Buffer.alloc(22)])]]],
  ] as [string, [number, Buffer][]][])('in IPv6 with %s', (_, extensions) => {
    expect(read(ip6(tcp(HELLO), extensions), 229)).toEqual({
      ...read(frame(HELLO)),
      source: { address: '2001:db8::1:0:0:1', port: 50_000 },
      destination: { address: 'fd00::2', port: 443 },
    });
  });
});

describe('addresses', () => {
  // Expected values: Python's ipaddress module; for the IPv4-mapped address, Wireshark (RFC 5952 section 5).
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000000000000000000', '2001:db8::'],
    ['20010db8000100000000000100000000', '2001:db8:1::1:0:0'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['fe80000000000000abcdef0123456789', 'fe80::abcd:ef01:2345:6789'],
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
  ])('%s is %s', (hex, text) => {
    const bytes = ip6(tcp(HELLO));
    Buffer.from(hex, 'hex').copy(bytes, 8);
    expect(read(bytes, 101).source.address).toBe(text);
  });

  it('are correct when there are more endpoints than cache slots', () => {
    const reader = new SegmentReader();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 9000; i++) {
        const bytes = ip4(tcp({ clientPort: i }));
        bytes.writeUInt16BE(i, 14);
        const segment = reader.read(packet(bytes, 101)) as TcpSegment;
        expect(segment.source).toEqual({ address: `10.0.${i >> 8}.${i & 255}`, port: i });
      }
    }
  });
});

describe('skipped packets', () => {
  it.each([
    ['unknown link type', frame(HELLO), 220],
    ['not ip', ethernet(ip4(tcp(HELLO)), 0x0806), 1],
    ['not ip', Buffer.alloc(60, 0x50), 101],
    ['not tcp', ethernet(ip4(tcp(HELLO), 'client', { protocol: 17 })), 1],
    ['not tcp', ip6(tcp(HELLO), [[17, Buffer.alloc(7)]]), 101],
    ['fragment', ethernet(ip4(tcp(HELLO), 'client', { fragment: 0x2000 })), 1],
    ['fragment', ethernet(ip4(tcp(HELLO), 'client', { fragment: 0x00b9 })), 1],
    ['fragment', ip6(tcp(HELLO), [[44, Buffer.from([0, 0, 1, 0, 0, 0, 1])]]), 101],
    ['cut short', frame(HELLO).subarray(0, 53), 1],
    ['cut short', frame(HELLO).subarray(0, 33), 1],
    ['cut short', ip6(tcp(HELLO), [[0, Buffer.alloc(7)]]).subarray(0, 44), 101],
    ['cut short', Buffer.alloc(0), 101],
    ['malformed', ethernet(ip4(tcp(HELLO), 'client', { total: 10 })), 1],
    ['malformed', ethernet(ip4(tcp(HELLO), 'client', { total: 39 })), 1],
    ['malformed', ip6(tcp(HELLO), Array(17).fill([0, Buffer.alloc(7)])), 101],
  ] as [SkipReason, Buffer, number][])('%s', (reason, bytes, linkType) => {
    const reader = new SegmentReader();
    expect(reader.read(packet(bytes, linkType))).toBe(reason);
    expect(reader.skipped[reason]).toBe(1);
  });

  it('a data offset below the minimum is malformed', () => {
    const bytes = frame(HELLO);
    bytes[14 + 20 + 12] = 0x40;
    expect(new SegmentReader().read(packet(bytes))).toBe('malformed');
  });

  it('never throws, and never returns more payload bytes than `payloadLength`', () => {
    const samples = [frame(HELLO), ip6(tcp(HELLO), [[0, Buffer.alloc(7)]])];
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.constantFrom(...LINK_TYPES.keys()),
        fc.array(change, { maxLength: 4 }),
        fc.nat(80),
        fc.nat(3000),
        (sample, linkType, changes, length, missing) => {
          const bytes = Buffer.from(sample.subarray(0, length));
          for (const [at, value] of changes) bytes[at % sample.length] = value;
          const segment = new SegmentReader().read(packet(bytes, linkType, bytes.length + missing));
          if (typeof segment === 'string') return;
          expect(segment.payload.length).toBeLessThanOrEqual(segment.payloadLength);
          expect(segment.payloadLength).toBeLessThanOrEqual(bytes.length + missing);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

it.each(FACTS)('$file: every packet is a segment of a connection that tshark lists', async ({ file, streams }) => {
  const reader = new SegmentReader();
  const endpoints = new Set<string>();
  for (const packet of (await readCapture(readFileSync(`${CAPTURES}/${file}`))).packets) {
    const segment = reader.read(packet) as TcpSegment;
    for (const { address, port } of [segment.source, segment.destination]) endpoints.add(`${address}:${port}`);
  }
  expect(Object.values(reader.skipped).every((count) => count === 0)).toBe(true);
  expect([...endpoints].sort()).toEqual([...new Set(streams.flatMap(({ client, server }) => [client, server]))].sort());
});
