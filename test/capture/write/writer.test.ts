/**
 * Files of this writer were once checked with tshark 4.0.17: it reports no warnings with both checksum checks enabled,
 * shows the X.224 request and confirm as RDP, and `-z follow,tcp,raw,0` prints the bytes of DATA. These tests use the
 * project's own reader and compute the checksums.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Direction } from '../../../src/capture/conversation/conversation.js';
import { SegmentReader } from '../../../src/capture/ip/ip.js';
import { TcpAssembler } from '../../../src/capture/tcp/index.js';
import type { CapturedPacket, Connection, TcpSegment } from '../../../src/capture/types.js';
import { MAX_WRITTEN, MSS, PcapWriter } from '../../../src/capture/write/index.js';
import { readCapture } from '../../support/read-capture.js';

const C = 'client-to-server';
const S = 'server-to-client';
const CLIENT = { address: '10.0.0.9', port: 50_123 };
const TARGET = { address: '10.0.0.5', port: 0 };
const AT = 1_795_450_908_733_779_001n;

interface Read {
  readonly packets: readonly CapturedPacket[];
  readonly segments: readonly TcpSegment[];
  readonly streams: readonly Stream[];
}

interface Stream {
  readonly connection: Connection;
  readonly client: Buffer[];
  readonly server: Buffer[];
  readonly gaps: (number | undefined)[];
  readonly ends: string[];
}

async function writeAndRead(use: (writer: PcapWriter) => void): Promise<Read> {
  const parts: Buffer[] = [];
  use(new PcapWriter((bytes) => parts.push(bytes)));
  const { packets, problems } = await readCapture(Buffer.concat(parts));
  expect(problems).toEqual([]);
  const streams: Stream[] = [];
  const assembler = new TcpAssembler((connection) => {
    const stream: Stream = { connection, client: [], server: [], gaps: [], ends: [] };
    streams.push(stream);
    return {
      bytes: (from, bytes) => stream[from].push(Buffer.from(bytes)),
      gap: (_from, length) => stream.gaps.push(length),
      end: (from, how) => stream.ends.push(`${from} ${how}`),
    };
  });
  const reader = new SegmentReader();
  const segments = packets.map((packet) => reader.read(packet)).filter((one) => typeof one !== 'string');
  for (const segment of segments) assembler.segment(segment);
  assembler.finish();
  expect(segments.length).toBe(packets.length);
  for (const { bytes } of packets) expect(sumsOf(bytes)).toEqual([0, 0]);
  return { packets, segments, streams };
}

/** The checksums over the IP header and over the segment with its pseudo header; 0 when they are correct. */
function sumsOf(packet: Buffer): [ip: number, tcp: number] {
  const four = packet[0] === 0x45;
  const segment = packet.subarray(four ? 20 : 40);
  const addresses = packet.subarray(four ? 12 : 8, four ? 20 : 40);
  const pseudo = Buffer.from([0, 6, segment.length >> 8, segment.length & 0xff]);
  return [
    four ? onesComplement(packet.subarray(0, 20)) : 0,
    onesComplement(Buffer.concat([addresses, pseudo, segment])),
  ];
}

function onesComplement(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 1) sum += (bytes[i] as number) << (i % 2 === 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

describe('a conversation', () => {
  it('is a TCP connection from SYN to FIN with the bytes of both sides', async () => {
    const { packets, segments, streams } = await writeAndRead((writer) => {
      expect(writer.conversation(1, CLIENT, TARGET, AT)).toMatchObject({
        client: CLIENT,
        target: { address: '10.0.0.5', port: 3389 },
        placeholder: false,
      });
      writer.data(1, C, Buffer.from('request'), AT + 1n);
      writer.data(1, S, Buffer.from('answer'), AT + 2n);
      writer.end(1, AT + 3n);
      writer.data(1, C, Buffer.from('too late'), AT + 4n);
      expect(writer.packets).toBe(8);
    });
    expect(packets.map(({ linkType, time }) => [linkType, time - AT])).toEqual([
      ...[0n, 0n, 0n, 1n, 2n, 3n, 3n, 3n].map((after) => [101, after]),
    ]);
    expect(segments.map(({ syn, ack, fin }) => [syn, ack, fin].map(Number).join(''))).toEqual([
      ...['100', '110', '010', '010', '010', '011', '011', '010'],
    ]);
    const [stream] = streams;
    expect(stream?.connection).toMatchObject({ client: CLIENT, server: { port: 3389 }, sawStart: true });
    expect(stream?.client).toEqual([Buffer.from('request')]);
    expect(stream?.server).toEqual([Buffer.from('answer')]);
    expect(stream).toMatchObject({ gaps: [], ends: ['client fin', 'server fin'] });
  });

  it('keeps bytes of any length in order, and never fills the window', async () => {
    const lengths = [1, MSS - 1, MSS, MSS + 1, 3 * MSS + 7, 700_001];
    const data = lengths.map((length, i) => Buffer.alloc(length, i + 1));
    const { segments, streams } = await writeAndRead((writer) => {
      writer.conversation(3, CLIENT, TARGET, AT);
      for (const bytes of data) writer.data(3, S, bytes, AT);
      writer.end(3, AT);
    });
    expect(Buffer.concat(streams[0]?.server ?? []).equals(Buffer.concat(data))).toBe(true);
    expect(Math.max(...segments.map(({ payloadLength }) => payloadLength))).toBe(MSS);
    const first = segments[1]?.sequence ?? 0;
    let acknowledged = 0;
    for (const { source, sequence, acknowledgement, payloadLength } of segments.slice(3)) {
      if (source.port !== 3389) acknowledged = (acknowledgement - first) >>> 0;
      else expect(((sequence - first) >>> 0) + payloadLength - acknowledged).toBeLessThan(512 * 1024);
    }
  });

  it('has gaps where bytes are missing', async () => {
    const { streams } = await writeAndRead((writer) => {
      writer.conversation(1, CLIENT, TARGET, AT);
      writer.data(1, S, Buffer.from('before'), AT);
      writer.gap(1, S, 100, AT);
      writer.gap(1, C, undefined, AT);
      writer.data(1, S, Buffer.from('after'), AT);
      writer.data(1, C, Buffer.from('x'), AT);
    });
    expect(streams[0]?.gaps.toSorted()).toEqual([1, 100]);
    expect(Buffer.concat(streams[0]?.server ?? []).toString()).toBe('beforeafter');
  });

  it('whose sequence numbers wrap at 2^32', async () => {
    const { segments } = await writeAndRead((writer) => {
      writer.conversation(1, CLIENT, TARGET, AT);
      writer.gap(1, C, 2 ** 32 - 10, AT);
      writer.data(1, C, Buffer.from('around the corner'), AT);
      writer.end(1, AT);
    });
    const [syn, , , data, fin] = segments;
    expect(((data?.sequence ?? 0) - (syn?.sequence ?? 0) + 2 ** 32) % 2 ** 32).toBe(2 ** 32 - 9);
    expect(((fin?.sequence ?? 0) - (syn?.sequence ?? 0) + 2 ** 32) % 2 ** 32).toBe(8);
  });

  it('is readable after any sequence of calls', async () => {
    const call = fc.record({
      what: fc.constantFrom('conversation', 'data', 'gap', 'end'),
      number: fc.integer({ min: 1, max: 3 }),
      direction: fc.constantFrom<Direction>(C, S),
      length: fc.nat(300),
      at: fc.bigInt({ min: -5n, max: 2n ** 70n }),
    });
    const run = fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
      await writeAndRead((writer) => {
        for (const { what, number, direction, length, at } of calls) {
          if (what === 'conversation') writer.conversation(number, { ...CLIENT, port: 50_000 + number }, TARGET, at);
          else if (what === 'data') writer.data(number, direction, Buffer.alloc(length, number), at);
          else if (what === 'gap') writer.gap(number, direction, length, at);
          else writer.end(number, at);
        }
      });
    });
    await fc.assert(run, { numRuns: 50 });
  });
});

describe('addresses', () => {
  const ends = (client: string, ...targets: string[]) => {
    const writer = new PcapWriter(() => {});
    return targets.map((address, i) => {
      const one = writer.conversation(i + 1, { address: client, port: 0 }, { address, port: 3390 }, AT);
      return [one.client.address, one.target.address, one.placeholder];
    });
  };

  it('of a host name are documentation addresses, the same for the same name', () => {
    expect(ends('10.0.0.9', 'pc.example', 'other.example', 'pc.example')).toEqual([
      ['10.0.0.9', '192.0.2.1', true],
      ['10.0.0.9', '192.0.2.2', true],
      ['10.0.0.9', '192.0.2.1', true],
    ]);
    expect(ends('fd00::9', 'pc.example')).toEqual([['fd00::9', '2001:db8::1', true]]);
    const writer = new PcapWriter(() => {});
    for (let i = 1; i <= 300; i += 1) writer.conversation(i, CLIENT, { address: `pc${i}`, port: 0 }, AT);
    expect([writer.placeholders.size, writer.placeholders.get('pc2')]).toEqual([254, '192.0.2.2']);
  });

  it('are of one family', async () => {
    expect(ends('10.0.0.9', 'fd00::1')).toEqual([['::ffff:a00:9', 'fd00::1', false]]);
    expect(ends('fe80::1%eth0', '[fd00::1]')).toEqual([['fe80::1', 'fd00::1', false]]);
    expect(ends('', '0x7f.1')).toEqual([['198.51.100.1', '192.0.2.1', true]]);
    const { streams } = await writeAndRead((writer) => {
      writer.conversation(1, { address: 'fd00::9', port: 50_000 }, { address: 'fd00::1', port: 3389 }, AT);
      writer.data(1, C, Buffer.from('odd'), AT);
    });
    expect(streams[0]?.connection.server).toEqual({ address: 'fd00::1', port: 3389 });
    expect(streams[0]?.client).toEqual([Buffer.from('odd')]);
  });
});

it('drops the oldest conversation beyond MAX_WRITTEN', () => {
  const writer = new PcapWriter(() => {});
  for (let i = 1; i <= MAX_WRITTEN + 1; i += 1) writer.conversation(i, CLIENT, TARGET, AT);
  const before = writer.packets;
  writer.data(1, C, Buffer.from('x'), AT);
  expect(writer.packets).toBe(before);
  writer.data(2, C, Buffer.from('x'), AT);
  expect(writer.packets).toBe(before + 1);
});
