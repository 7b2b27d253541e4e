import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentReader } from '../../../src/capture/ip/ip.js';
import { TcpAssembler, type TcpLimits } from '../../../src/capture/tcp/index.js';
import type { Connection, Sender, TcpSegment } from '../../../src/capture/types.js';
import { packetsOf, type Segment } from '../../support/pcap.js';
import { CAPTURES, FACTS, readCapture } from '../../support/read-capture.js';

/**
 * The output of a connection as text per direction: bytes, `[n]` for a gap of n bytes, `[?]` for one of unknown length,
 * and `.` with the reason of the end.
 */
interface Output {
  readonly connection: Connection;
  readonly client: string;
  readonly server: string;
  /** Each event with its frame and sender. */
  readonly events: readonly string[];
}

function assemble(segments: readonly TcpSegment[], limits?: Partial<TcpLimits>) {
  const outputs: { connection: Connection; client: string; server: string; events: string[] }[] = [];
  const assembler = new TcpAssembler((connection) => {
    const output = { connection, client: '', server: '', events: [] as string[] };
    outputs.push(output);
    const add = (from: Sender, text: string, frame: number) => {
      expect(output[from]).not.toContain('.');
      output[from] += text;
      output.events.push(`${frame} ${from} ${text}`);
    };
    return {
      bytes: (from, bytes, { frame }) => add(from, bytes.toString('latin1'), frame),
      gap: (from, length, { frame }) => add(from, `[${length ?? '?'}]`, frame),
      end: (from, how, { frame }) => add(from, `.${how}`, frame),
    };
  }, limits);
  for (const segment of segments) assembler.segment(segment);
  assembler.finish();
  return { outputs: outputs as Output[], counts: assembler.counts };
}

function segmentsOf(list: readonly Segment[]): TcpSegment[] {
  const reader = new SegmentReader();
  return packetsOf(list).map(({ time, bytes }, i) => {
    const originalLength = bytes.length;
    return reader.read({ frame: i + 1, time, linkType: 1, bytes, originalLength }) as TcpSegment;
  });
}

/** Segments of a connection: the handshake (client bytes start at 101, server bytes at 501), then `rest`. */
function connection(...rest: Segment[]): Segment[] {
  return [
    { flags: 'S', sequence: 100 },
    { from: 'server', flags: 'SA', sequence: 500, acknowledgement: 101 },
    { flags: 'A', sequence: 101, acknowledgement: 501 },
    ...rest,
  ];
}

const fromClient = (sequence: number, data: string, flags = 'A'): Segment => ({
  sequence,
  data,
  flags,
  acknowledgement: 501,
});
const fromServer = (sequence: number, data: string, flags = 'A', acknowledgement = 101): Segment => ({
  from: 'server',
  sequence,
  data,
  flags,
  acknowledgement,
});
/** An ACK of the server without data. */
const acked = (acknowledgement: number): Segment => fromServer(501, '', 'A', acknowledgement);

/** Assembles segments that belong to a single connection. */
function assembleOne(list: readonly Segment[], limits?: Partial<TcpLimits>): Output {
  const { outputs } = assemble(segmentsOf(list), limits);
  expect(outputs.length).toBe(1);
  return outputs[0] as Output;
}

describe('real captures', () => {
  it.each(FACTS)('$file: the same stream bytes as tshark', async ({ file, streams }) => {
    const found: { ends: string[]; hash: Record<Sender, ReturnType<typeof createHash>>; gaps: number }[] = [];
    const assembler = new TcpAssembler(({ client, server }) => {
      const hash = { client: createHash('sha256'), server: createHash('sha256') };
      const ends = [client, server].map(({ address, port }) => `${address}:${port}`);
      const stream = { ends, hash, gaps: 0 };
      found.push(stream);
      return { bytes: (from, bytes) => hash[from].update(bytes), gap: () => stream.gaps++, end: () => {} };
    });
    const reader = new SegmentReader();
    const { packets } = await readCapture(readFileSync(`${CAPTURES}/${file}`));
    for (const packet of packets) assembler.segment(reader.read(packet) as TcpSegment);
    assembler.finish();
    expect(
      found.map(({ ends, hash, gaps }) => [...ends, hash.client.digest('hex'), hash.server.digest('hex'), gaps]),
    ).toEqual(streams.map(({ client, server, sha256 }) => [client, server, sha256.client, sha256.server, 0]));
  });
});

describe('segments in order', () => {
  it('delivers both directions with frame numbers and ends', () => {
    const { events, connection: found } = assembleOne(
      connection(
        fromClient(101, 'hello'),
        fromServer(501, 'world', 'A', 106),
        fromClient(106, 'x', 'FA'),
        fromServer(506, '', 'FA', 108),
      ),
    );
    expect(events).toEqual(['4 client hello', '5 server world', '6 client x', '6 client .fin', '7 server .fin']);
    expect(found).toMatchObject({
      number: 1,
      client: { address: '10.0.0.1', port: 50_000 },
      server: { address: '10.0.0.2', port: 443 },
      start: { frame: 1 },
      sawStart: true,
    });
  });

  it('handles sequence number wraparound', () => {
    const { client } = assembleOne([
      { flags: 'S', sequence: 0xfffffffd },
      { from: 'server', flags: 'SA', sequence: 0x7fffffff, acknowledgement: 0xfffffffe },
      { sequence: 0xfffffffe, data: 'ab' },
      { sequence: 2, data: 'ef' },
      { sequence: 0, data: 'cd' },
      { sequence: 4, flags: 'FA' },
    ]);
    expect(client).toBe('abcdef.fin');
  });

  it('delivers data in the SYN', () => {
    expect(assembleOne([{ flags: 'S', sequence: 100, data: 'early' }, fromClient(106, ' late')]).client).toBe(
      'early late.capture ended',
    );
  });

  it('continues the other direction after a half close', () => {
    const { events } = assembleOne(
      connection(fromClient(101, 'a', 'FA'), fromServer(501, 'b'), fromServer(502, 'c', 'FA')),
    );
    expect(events).toEqual(['4 client a', '4 client .fin', '5 server b', '6 server c', '6 server .fin']);
  });
});

describe('segments out of order', () => {
  it('buffers until the missing bytes arrive, and reports the packet that completed them', () => {
    const { events } = assembleOne(
      connection(fromClient(104, 'def'), fromClient(107, 'ghi', 'FA'), fromClient(101, 'abc')),
    );
    expect(events).toEqual([
      '6 client abc',
      '6 client def',
      '6 client ghi',
      '6 client .fin',
      '6 server .capture ended',
    ]);
  });

  it.each([
    ['a retransmission', [fromClient(101, 'abc'), fromClient(101, 'abc'), fromClient(104, 'def')], 'abcdef'],
    ['a retransmission with new data', [fromClient(101, 'abc'), fromClient(101, 'ABCdef')], 'abcdef'],
    ['an overlap: bytes captured first are kept', [fromClient(103, 'cd'), fromClient(101, 'ABCDEF')], 'ABcdEF'],
    [
      'several overlaps',
      [fromClient(103, 'c'), fromClient(105, 'e'), fromClient(102, 'BCDEF'), fromClient(101, 'a')],
      'aBcDeF',
    ],
    ['a segment inside another', [fromClient(103, 'cdef'), fromClient(104, 'DE'), fromClient(101, 'ab')], 'abcdef'],
    [
      'a keep-alive probe',
      [fromClient(101, 'abc'), fromClient(103, 'X'), fromClient(103, ''), fromClient(104, 'def')],
      'abcdef',
    ],
    ['bytes after the FIN', [fromClient(101, 'abc', 'FA'), fromClient(104, 'zzz')], 'abc'],
    [
      'bytes beyond a FIN with missing bytes before it',
      [fromClient(104, 'd', 'FA'), fromClient(101, 'abcdefg')],
      'abcd',
    ],
  ])('%s', (_, list, text) => {
    expect(assembleOne(connection(...list)).client.split('.')[0]).toBe(text);
  });

  it('ignores a FIN before bytes that were seen already', () => {
    expect(
      assembleOne(connection(fromClient(104, 'def'), fromClient(102, '', 'FA'), fromClient(101, 'abc'))).client,
    ).toBe('abcdef.capture ended');
  });

  it('accepts a SYN captured late', () => {
    const [syn, synAck, ack] = connection();
    const list = [synAck, fromClient(101, 'abc'), syn, ack, fromClient(104, 'd')] as Segment[];
    const { client, connection: found } = assembleOne(list);
    expect(client).toBe('abcd.capture ended');
    expect(found.client.port).toBe(50_000);
  });
});

describe('gaps', () => {
  it('are reported at the end of the capture', () => {
    expect(assembleOne(connection(fromClient(101, 'ab'), fromClient(106, 'fg'), fromClient(110, 'jk'))).events).toEqual(
      [
        '4 client ab',
        '5 client [3]',
        '5 client fg',
        '6 client [2]',
        '6 client jk',
        '6 client .capture ended',
        '6 server .capture ended',
      ],
    );
  });

  it('are reported after the threshold for acknowledged bytes', () => {
    const acks = Array.from({ length: 5 }, () => acked(108));
    const list = connection(
      fromClient(101, 'ab'),
      fromClient(106, 'fg'),
      ...acks,
      fromServer(501, 'x'),
      fromClient(103, 'cde'),
    );
    expect(assembleOne(list, { lossThreshold: 3 }).client).toBe('ab[3]fg.capture ended');
    expect(assembleOne(list, { lossThreshold: 30 }).client).toBe('abcdefg.capture ended');
  });

  it('are not reported while the receiver sends duplicate ACKs for the bytes', () => {
    const duplicates = Array.from({ length: 50 }, () => acked(103));
    const list = connection(fromClient(101, 'ab'), fromClient(106, 'fg'), ...duplicates, fromClient(103, 'cde'));
    expect(assembleOne(list, { lossThreshold: 3 }).client).toBe('abcdefg.capture ended');
  });

  it('are reported when a stream exceeds its buffer limit', () => {
    const many = Array.from({ length: 5 }, (_, i) => fromClient(111 + i * 10, '0123456789'));
    const { client } = assembleOne(connection(...many, fromClient(101, 'too late..')), {
      outOfOrderBytes: 4 * (512 + 10),
    });
    expect(client).toBe(`[10]${'0123456789'.repeat(5)}.capture ended`);
  });

  it('are reported when all connections together exceed the buffer limit', () => {
    const list = [1, 2, 3].flatMap((clientPort) => [
      { flags: 'S', sequence: 100, clientPort },
      { sequence: 103, data: 'c', clientPort },
    ]);
    const { outputs } = assemble(segmentsOf([...list, { sequence: 101, data: 'ab', clientPort: 3 }]), {
      totalOutOfOrderBytes: 2 * 513,
    });
    expect(outputs.map(({ client }) => client)).toEqual(Array(3).fill('[2]c.capture ended'));
  });

  it('are reported for truncated packets', () => {
    const truncated = segmentsOf(
      connection(fromClient(101, 'abcdef'), fromClient(107, 'gh'), fromClient(113, 'mnop'), fromClient(109, 'ijkl')),
    ).map((segment) => ({
      ...segment,
      payload: segment.payload.subarray(0, 3),
    }));
    expect(assemble(truncated).outputs[0]?.client).toBe('abc[3]ghijk[1]mno[1].capture ended');
  });

  it('are reported at the end according to acknowledgements or a FIN', () => {
    expect(assembleOne(connection(fromClient(101, 'ab'), acked(113))).client).toBe('ab[10].capture ended');
    expect(assembleOne(connection(fromClient(101, 'ab'), acked(104))).client).toBe('ab.capture ended');
    expect(assembleOne(connection(fromClient(101, 'ab'), fromClient(106, '', 'FA'))).client).toBe('ab[3].fin');
    expect(assembleOne(connection(fromClient(101, 'ab'), fromClient(106, 'fg'), fromClient(110, '', 'R'))).client).toBe(
      'ab[3]fg.reset',
    );
  });
});

describe('streams whose start was not captured', () => {
  it('begin with a gap of unknown length', () => {
    const {
      client,
      server,
      connection: found,
    } = assembleOne([fromServer(700, 'abc', 'A', 900), fromClient(900, 'x'), fromServer(703, 'def')]);
    expect([client, server]).toEqual(['[?]x.capture ended', '[?]abcdef.capture ended']);
    expect(found).toMatchObject({ sawStart: false, client: { port: 50_000 }, server: { port: 443 } });
  });

  it('begin at the acknowledged sequence number instead of the first packet', () => {
    const list: Segment[] = [{ sequence: 900, acknowledgement: 700 }, fromServer(703, 'def'), fromServer(700, 'abc')];
    expect(assembleOne(list).server).toBe('[?]abcdef.capture ended');
  });

  it('do not include a keep-alive probe', () => {
    const list: Segment[] = [{ sequence: 900, acknowledgement: 700 }, fromServer(699, 'X'), fromServer(700, 'abc')];
    expect(assembleOne(list).server).toBe('[?]abc.capture ended');
  });

  it('have no gap when half of the handshake was captured', () => {
    const [syn, synAck, ack] = connection() as [Segment, Segment, Segment];
    expect(assembleOne([synAck, fromClient(104, 'd'), fromClient(101, 'abc')]).client).toBe('abcd.capture ended');
    expect(assembleOne([syn, ack, fromServer(503, 'c'), fromServer(501, 'ab')]).server).toBe('abc.capture ended');
  });

  it('consist of a gap when only the FIN was captured', () => {
    expect(assembleOne([fromClient(900, '', 'FA'), fromServer(503, '', 'FA')])).toMatchObject({
      client: '[?].fin',
      server: '[?][2].fin',
    });
  });
});

describe('connection ends', () => {
  it('a reset ends both directions, that of its sender first', () => {
    expect(
      assembleOne(connection(fromClient(101, 'a'), fromServer(501, '', 'RA'), fromClient(102, 'late'))).events,
    ).toEqual(['4 client a', '5 server .reset', '5 client .reset']);
  });

  it('a refused connection can be retried with the same sequence number', () => {
    const [syn] = connection() as [Segment];
    const refused: Segment = { from: 'server', flags: 'RA', sequence: 0, acknowledgement: 101 };
    const { outputs } = assemble(segmentsOf([syn, refused, ...connection(fromClient(101, 'abc'))]));
    expect(outputs.map(({ client }) => client)).toEqual(['.reset', 'abc.capture ended']);
  });

  it('a reset of an older connection is ignored', () => {
    expect(assembleOne(connection(fromClient(101, 'ab'), fromClient(50, '', 'R'), fromClient(103, 'c'))).client).toBe(
      'abc.capture ended',
    );
  });

  it('a SYN on reused ports starts a new connection', () => {
    const second = connection(fromClient(101, 'two')).map((segment) => ({
      ...segment,
      sequence: (segment.sequence ?? 0) + 7000,
      acknowledgement: (segment.acknowledgement ?? 0) + 7000,
    }));
    const { outputs } = assemble(segmentsOf([...connection(fromClient(101, 'one')), ...second]));
    expect(outputs.map(({ connection, client }) => [connection.number, connection.sawStart, client])).toEqual([
      [1, true, 'one.capture ended'],
      [2, true, 'two.capture ended'],
    ]);
  });

  it('a retransmitted SYN does not start a new connection', () => {
    const [syn, synAck] = connection() as [Segment, Segment];
    expect(
      assembleOne([syn, syn, ...connection(fromClient(101, 'ab'), syn, synAck, fromClient(103, 'c'))]).client,
    ).toBe('abc.capture ended');
  });

  it('a SYN without an answer ends with the capture', () => {
    expect(assembleOne([{ flags: 'S' }, { flags: 'S' }])).toMatchObject({
      client: '.capture ended',
      server: '.capture ended',
    });
  });
});

describe('many connections', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i): Segment[] => [
      { flags: 'S', sequence: 1, clientPort: i + 1 },
      { flags: 'A', sequence: 2, clientPort: i + 1, data: `#${i + 1}` },
    ]);

  it('are reassembled separately when interleaved', () => {
    const lists = many(3000);
    const { outputs } = assemble(
      segmentsOf([...lists.map(([syn]) => syn), ...lists.map(([, data]) => data)] as Segment[]),
    );
    expect(outputs.map(({ client }) => client)).toEqual(lists.map((_, i) => `#${i + 1}.capture ended`));
  });

  it('are evicted: ended ones first, then the longest idle', () => {
    const list = many(16).flat();
    list.push({ flags: 'RA', sequence: 10, clientPort: 5 }, { sequence: 4, data: '!', clientPort: 1 });
    list.push(
      ...many(17).slice(16).flat(),
      { sequence: 4, data: '?', clientPort: 2 },
      { sequence: 4, data: '?', clientPort: 3 },
    );
    const { outputs, counts } = assemble(segmentsOf(list), { connections: 16 });
    expect(counts).toMatchObject({ connections: 18, evicted: 1 });
    expect(outputs.slice(0, 5).map(({ client }) => client)).toEqual([
      '#1!.capture ended',
      '#2.capture ended',
      '#3?.capture ended',
      '#4.capture ended',
      '#5.reset',
    ]);
    // Without a SYN the higher port is taken for that of the client: here 443.
    expect(outputs[17]?.server).toBe('[?]?.capture ended');
  });

  it('are ignored when they have no sink', () => {
    const assembler = new TcpAssembler(() => undefined);
    for (const segment of segmentsOf(connection(fromClient(101, 'a'), fromClient(104, 'd'))))
      assembler.segment(segment);
    assembler.finish();
    expect(assembler.counts).toMatchObject({ connections: 1, segments: 5 });
  });
});

describe('random captures of a stream', () => {
  const TEXT = Array.from({ length: 400 }, (_, i) => String.fromCharCode(0xa0 + (i % 90))).join('');
  const pieces = fc.array(fc.tuple(fc.nat(399), fc.integer({ min: 1, max: 60 })), { maxLength: 60 });
  const START = 0xffffff00;
  const piece = ([at, length]: readonly [number, number]): Segment =>
    fromClient(START + 1 + at, TEXT.slice(at, at + length));

  it('a complete capture yields the stream in any order of segments', () => {
    const complete = fc.shuffledSubarray(
      Array.from({ length: 40 }, (_, i) => [i * 10, 10] as const),
      { minLength: 40 },
    );
    fc.assert(
      fc.property(complete, pieces, (all, extra) => {
        const mixed = all.flatMap((item, i) => [item, ...extra.slice(i, i + 1)]);
        const { client } = assembleOne([{ flags: 'S', sequence: START }, ...mixed.map(piece)]);
        expect(client).toBe(`${TEXT}.capture ended`);
      }),
    );
  });

  it('an incomplete capture yields every captured byte once and at its position', () => {
    fc.assert(
      fc.property(pieces, fc.constantFrom(600, 3000, 1_000_000), (list, outOfOrderBytes) => {
        const { client } = assembleOne([{ flags: 'S', sequence: START }, ...list.map(piece)], { outOfOrderBytes });
        const plain = client.replace('.capture ended', '');
        let at = 0;
        for (const [, gap, text = ''] of plain.matchAll(/\[(\d+)\]|([^[]+)/g)) {
          if (gap === undefined) expect(text).toBe(TEXT.slice(at, at + text.length));
          at += gap === undefined ? text.length : Number(gap);
        }
        expect(at).toBe(Math.max(0, ...list.map(([from, length]) => Math.min(400, from + length))));
        if (outOfOrderBytes < 1_000_000) return;
        const known = new Set(
          list.flatMap(([from, length]) => [...TEXT.slice(from, from + length)].map((_, i) => from + i)),
        );
        expect(plain.replace(/\[\d+\]/g, '').length).toBe(known.size);
      }),
    );
  });

  it('random headers cause no exception, no bytes after an end, and one end per direction', () => {
    const sequenceNumber = fc.oneof(fc.integer({ min: 90, max: 140 }), fc.integer({ min: 0, max: 0xffffffff }));
    const segment = fc.record({
      from: fc.constantFrom('client' as const, 'server' as const),
      sequence: sequenceNumber,
      acknowledgement: sequenceNumber,
      flags: fc.constantFrom('A', 'A', 'A', 'A', 'S', 'SA', 'FA', 'R', 'FSRPA', ''),
      data: fc.constantFrom('', 'a', 'bcd', 'efghijklmno'),
      clientPort: fc.constantFrom(1, 2, 443),
    });
    const limits = { connections: 2, outOfOrderBytes: 2000, totalOutOfOrderBytes: 3000, lossThreshold: 2 };
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 80 }), (list) => {
        for (const { client, server } of assemble(segmentsOf(list), limits).outputs) {
          expect(client).toMatch(/^[^.]*\.(fin|reset|capture ended)$/);
          expect(server).toMatch(/^[^.]*\.(fin|reset|capture ended)$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
