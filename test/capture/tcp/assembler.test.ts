import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentReader } from '../../../src/capture/ip/ip.js';
import { TcpAssembler, type TcpLimits } from '../../../src/capture/tcp/index.js';
import type { Connection, Sender, TcpSegment } from '../../../src/capture/types.js';
import { packetsOf, type Segment } from '../../support/pcap.js';
import { CAPTURES, FACTS, readCapture } from '../../support/read-capture.js';

/** What a direction gave: text, `[n]` for a gap of n bytes, `[?]` for one of unknown length, `.` and how it ended. */
interface Seen {
  readonly connection: Connection;
  readonly client: string;
  readonly server: string;
  /** The same with the frame of each event. */
  readonly events: readonly string[];
}

function assemble(segments: readonly TcpSegment[], limits?: Partial<TcpLimits>) {
  const seen: { connection: Connection; client: string; server: string; events: string[] }[] = [];
  const assembler = new TcpAssembler((connection) => {
    const one = { connection, client: '', server: '', events: [] as string[] };
    seen.push(one);
    const add = (from: Sender, what: string, frame: number) => {
      expect(one[from]).not.toContain('.');
      one[from] += what;
      one.events.push(`${frame} ${from} ${what}`);
    };
    return {
      bytes: (from, bytes, { frame }) => add(from, bytes.toString('latin1'), frame),
      gap: (from, length, { frame }) => add(from, `[${length ?? '?'}]`, frame),
      end: (from, how, { frame }) => add(from, `.${how}`, frame),
    };
  }, limits);
  for (const segment of segments) assembler.segment(segment);
  assembler.finish();
  return { seen: seen as Seen[], counts: assembler.counts };
}

function segmentsOf(list: readonly Segment[]): TcpSegment[] {
  const reader = new SegmentReader();
  return packetsOf(list).map(({ time, bytes }, i) => {
    const originalLength = bytes.length;
    return reader.read({ frame: i + 1, time, linkType: 1, bytes, originalLength }) as TcpSegment;
  });
}

/** The capture of a connection: the handshake (client's bytes from 101, server's from 501), then these. */
function connection(...rest: Segment[]): Segment[] {
  return [
    { flags: 'S', sequence: 100 },
    { from: 'server', flags: 'SA', sequence: 500, acknowledgement: 101 },
    { flags: 'A', sequence: 101, acknowledgement: 501 },
    ...rest,
  ];
}

const up = (sequence: number, data: string, flags = 'A'): Segment => ({ sequence, data, flags, acknowledgement: 501 });
const down = (sequence: number, data: string, flags = 'A', acknowledgement = 101): Segment => ({
  from: 'server',
  sequence,
  data,
  flags,
  acknowledgement,
});
const acked = (acknowledgement: number): Segment => down(501, '', 'A', acknowledgement);

function one(list: readonly Segment[], limits?: Partial<TcpLimits>): Seen {
  const { seen } = assemble(segmentsOf(list), limits);
  expect(seen.length).toBe(1);
  return seen[0] as Seen;
}

describe('real captures', () => {
  it.each(FACTS)('$file: the bytes that tshark follows', async ({ file, streams }) => {
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

describe('in order', () => {
  it('both directions, with frames and ends', () => {
    const { events, connection: found } = one(
      connection(up(101, 'hello'), down(501, 'world', 'A', 106), up(106, 'x', 'FA'), down(506, '', 'FA', 108)),
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

  it('over the wrap of the sequence number', () => {
    const { client } = one([
      { flags: 'S', sequence: 0xfffffffd },
      { from: 'server', flags: 'SA', sequence: 0x7fffffff, acknowledgement: 0xfffffffe },
      { sequence: 0xfffffffe, data: 'ab' },
      { sequence: 2, data: 'ef' },
      { sequence: 0, data: 'cd' },
      { sequence: 4, flags: 'FA' },
    ]);
    expect(client).toBe('abcdef.fin');
  });

  it('data in the SYN', () => {
    expect(one([{ flags: 'S', sequence: 100, data: 'early' }, up(106, ' late')]).client).toBe(
      'early late.capture ended',
    );
  });

  it('half closed: the other side goes on', () => {
    const { events } = one(connection(up(101, 'a', 'FA'), down(501, 'b'), down(502, 'c', 'FA')));
    expect(events).toEqual(['4 client a', '4 client .fin', '5 server b', '6 server c', '6 server .fin']);
  });
});

describe('out of order', () => {
  it('waits for what is missing, and names the packet that brought it', () => {
    const { events } = one(connection(up(104, 'def'), up(107, 'ghi', 'FA'), up(101, 'abc')));
    expect(events).toEqual([
      '6 client abc',
      '6 client def',
      '6 client ghi',
      '6 client .fin',
      '6 server .capture ended',
    ]);
  });

  it.each([
    ['a retransmission', [up(101, 'abc'), up(101, 'abc'), up(104, 'def')], 'abcdef'],
    ['one that repeats and goes on', [up(101, 'abc'), up(101, 'ABCdef')], 'abcdef'],
    ['an overlap: what came first stays', [up(103, 'cd'), up(101, 'ABCDEF')], 'ABcdEF'],
    ['several overlaps', [up(103, 'c'), up(105, 'e'), up(102, 'BCDEF'), up(101, 'a')], 'aBcDeF'],
    ['one that is inside another', [up(103, 'cdef'), up(104, 'DE'), up(101, 'ab')], 'abcdef'],
    ['a keep-alive probe', [up(101, 'abc'), up(103, 'X'), up(103, ''), up(104, 'def')], 'abcdef'],
    ['bytes behind the end', [up(101, 'abc', 'FA'), up(104, 'zzz')], 'abc'],
    ['bytes beyond an end that is still missing something', [up(104, 'd', 'FA'), up(101, 'abcdefg')], 'abcd'],
  ])('%s', (_, list, text) => {
    expect(one(connection(...list)).client.split('.')[0]).toBe(text);
  });

  it('ignores an end before bytes that were seen already', () => {
    expect(one(connection(up(104, 'def'), up(102, '', 'FA'), up(101, 'abc'))).client).toBe('abcdef.capture ended');
  });

  it('a SYN captured late', () => {
    const [syn, synAck, ack] = connection();
    const list = [synAck, up(101, 'abc'), syn, ack, up(104, 'd')] as Segment[];
    const { client, connection: found } = one(list);
    expect(client).toBe('abcd.capture ended');
    expect(found.client.port).toBe(50_000);
  });
});

describe('gaps', () => {
  it('at the end of the capture', () => {
    expect(one(connection(up(101, 'ab'), up(106, 'fg'), up(110, 'jk'))).events).toEqual([
      '4 client ab',
      '5 client [3]',
      '5 client fg',
      '6 client [2]',
      '6 client jk',
      '6 client .capture ended',
      '6 server .capture ended',
    ]);
  });

  it('once the receiver has the bytes, and they do not come', () => {
    const late = Array.from({ length: 5 }, () => acked(108));
    const list = connection(up(101, 'ab'), up(106, 'fg'), ...late, down(501, 'x'), up(103, 'cde'));
    expect(one(list, { patience: 3 }).client).toBe('ab[3]fg.capture ended');
    expect(one(list, { patience: 30 }).client).toBe('abcdefg.capture ended');
  });

  it('not while the receiver asks for the bytes', () => {
    const duplicates = Array.from({ length: 50 }, () => acked(103));
    const list = connection(up(101, 'ab'), up(106, 'fg'), ...duplicates, up(103, 'cde'));
    expect(one(list, { patience: 3 }).client).toBe('abcdefg.capture ended');
  });

  it('when more waits than is kept', () => {
    const many = Array.from({ length: 5 }, (_, i) => up(111 + i * 10, '0123456789'));
    const { client } = one(connection(...many, up(101, 'too late..')), { earlyBytes: 4 * (512 + 10) });
    expect(client).toBe(`[10]${'0123456789'.repeat(5)}.capture ended`);
  });

  it('when more waits over all connections than is kept', () => {
    const list = [1, 2, 3].flatMap((clientPort) => [
      { flags: 'S', sequence: 100, clientPort },
      { sequence: 103, data: 'c', clientPort },
    ]);
    const { seen } = assemble(segmentsOf([...list, { sequence: 101, data: 'ab', clientPort: 3 }]), {
      earlyBytesInAll: 2 * 513,
    });
    expect(seen.map(({ client }) => client)).toEqual(Array(3).fill('[2]c.capture ended'));
  });

  it('where the capture cut a packet short', () => {
    const cut = segmentsOf(connection(up(101, 'abcdef'), up(107, 'gh'), up(113, 'mnop'), up(109, 'ijkl'))).map(
      (segment) => ({
        ...segment,
        payload: segment.payload.subarray(0, 3),
      }),
    );
    expect(assemble(cut).seen[0]?.client).toBe('abc[3]ghijk[1]mno[1].capture ended');
  });

  it('at the end, where the receiver or a FIN speaks of more', () => {
    expect(one(connection(up(101, 'ab'), acked(113))).client).toBe('ab[10].capture ended');
    expect(one(connection(up(101, 'ab'), acked(104))).client).toBe('ab.capture ended');
    expect(one(connection(up(101, 'ab'), up(106, '', 'FA'))).client).toBe('ab[3].fin');
    expect(one(connection(up(101, 'ab'), up(106, 'fg'), up(110, '', 'R'))).client).toBe('ab[3]fg.reset');
  });
});

describe('a beginning that was not captured', () => {
  it('joins in the middle, after a gap of unknown length', () => {
    const { client, server, connection: found } = one([down(700, 'abc', 'A', 900), up(900, 'x'), down(703, 'def')]);
    expect([client, server]).toEqual(['[?]x.capture ended', '[?]abcdef.capture ended']);
    expect(found).toMatchObject({ sawStart: false, client: { port: 50_000 }, server: { port: 443 } });
  });

  it('begins where the receiver is, not with the packet that came first', () => {
    const list: Segment[] = [{ sequence: 900, acknowledgement: 700 }, down(703, 'def'), down(700, 'abc')];
    expect(one(list).server).toBe('[?]abcdef.capture ended');
  });

  it('does not take a keep-alive probe for data', () => {
    const list: Segment[] = [{ sequence: 900, acknowledgement: 700 }, down(699, 'X'), down(700, 'abc')];
    expect(one(list).server).toBe('[?]abc.capture ended');
  });

  it('misses nothing when only one half of the handshake is there', () => {
    const [syn, synAck, ack] = connection() as [Segment, Segment, Segment];
    expect(one([synAck, up(104, 'd'), up(101, 'abc')]).client).toBe('abcd.capture ended');
    expect(one([syn, ack, down(503, 'c'), down(501, 'ab')]).server).toBe('abc.capture ended');
  });

  it('of which only the end is there', () => {
    expect(one([up(900, '', 'FA'), down(503, '', 'FA')])).toMatchObject({ client: '[?].fin', server: '[?][2].fin' });
  });
});

describe('how connections end', () => {
  it('a reset ends both directions, its sender first', () => {
    expect(one(connection(up(101, 'a'), down(501, '', 'RA'), up(102, 'late'))).events).toEqual([
      '4 client a',
      '5 server .reset',
      '5 client .reset',
    ]);
  });

  it('a refused connection, tried again with the same number', () => {
    const [syn] = connection() as [Segment];
    const refused: Segment = { from: 'server', flags: 'RA', sequence: 0, acknowledgement: 101 };
    const { seen } = assemble(segmentsOf([syn, refused, ...connection(up(101, 'abc'))]));
    expect(seen.map(({ client }) => client)).toEqual(['.reset', 'abc.capture ended']);
  });

  it('ignores a reset that is of an older connection', () => {
    expect(one(connection(up(101, 'ab'), up(50, '', 'R'), up(103, 'c'))).client).toBe('abc.capture ended');
  });

  it('ports used again are a new connection', () => {
    const again = connection(up(101, 'two')).map((segment) => ({
      ...segment,
      sequence: (segment.sequence ?? 0) + 7000,
      acknowledgement: (segment.acknowledgement ?? 0) + 7000,
    }));
    const { seen } = assemble(segmentsOf([...connection(up(101, 'one')), ...again]));
    expect(seen.map(({ connection, client }) => [connection.number, connection.sawStart, client])).toEqual([
      [1, true, 'one.capture ended'],
      [2, true, 'two.capture ended'],
    ]);
  });

  it('a repeated SYN is not', () => {
    const [syn, synAck] = connection() as [Segment, Segment];
    expect(one([syn, syn, ...connection(up(101, 'ab'), syn, synAck, up(103, 'c'))]).client).toBe('abc.capture ended');
  });

  it('half open: a SYN that nobody answered', () => {
    expect(one([{ flags: 'S' }, { flags: 'S' }])).toMatchObject({ client: '.capture ended', server: '.capture ended' });
  });
});

describe('many connections', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i): Segment[] => [
      { flags: 'S', sequence: 1, clientPort: i + 1 },
      { flags: 'A', sequence: 2, clientPort: i + 1, data: `#${i + 1}` },
    ]);

  it('interleaved, each on its own', () => {
    const lists = many(3000);
    const { seen } = assemble(
      segmentsOf([...lists.map(([syn]) => syn), ...lists.map(([, data]) => data)] as Segment[]),
    );
    expect(seen.map(({ client }) => client)).toEqual(lists.map((_, i) => `#${i + 1}.capture ended`));
  });

  it('lets go of those that ended, then of those that were silent longest', () => {
    const list = many(16).flat();
    list.push({ flags: 'RA', sequence: 10, clientPort: 5 }, { sequence: 4, data: '!', clientPort: 1 });
    list.push(
      ...many(17).slice(16).flat(),
      { sequence: 4, data: '?', clientPort: 2 },
      { sequence: 4, data: '?', clientPort: 3 },
    );
    const { seen, counts } = assemble(segmentsOf(list), { connections: 16 });
    expect(counts).toMatchObject({ connections: 18, evicted: 1 });
    expect(seen.slice(0, 5).map(({ client }) => client)).toEqual([
      '#1!.capture ended',
      '#2.capture ended',
      '#3?.capture ended',
      '#4.capture ended',
      '#5.reset',
    ]);
    // Without its SYN the higher port, here 443, is taken for the client's.
    expect(seen[17]?.server).toBe('[?]?.capture ended');
  });

  it('that nobody wants cost nothing and break nothing', () => {
    const assembler = new TcpAssembler(() => undefined);
    for (const segment of segmentsOf(connection(up(101, 'a'), up(104, 'd')))) assembler.segment(segment);
    assembler.finish();
    expect(assembler.counts).toMatchObject({ connections: 1, segments: 5 });
  });
});

describe('any capture of a stream', () => {
  const TEXT = Array.from({ length: 400 }, (_, i) => String.fromCharCode(0xa0 + (i % 90))).join('');
  const pieces = fc.array(fc.tuple(fc.nat(399), fc.integer({ min: 1, max: 60 })), { maxLength: 60 });
  const START = 0xffffff00;
  const piece = ([at, length]: readonly [number, number]): Segment => up(START + 1 + at, TEXT.slice(at, at + length));

  it('that is complete gives the stream, in whatever order it comes', () => {
    const complete = fc.shuffledSubarray(
      Array.from({ length: 40 }, (_, i) => [i * 10, 10] as const),
      { minLength: 40 },
    );
    fc.assert(
      fc.property(complete, pieces, (all, extra) => {
        const mixed = all.flatMap((item, i) => [item, ...extra.slice(i, i + 1)]);
        const { client } = one([{ flags: 'S', sequence: START }, ...mixed.map(piece)]);
        expect(client).toBe(`${TEXT}.capture ended`);
      }),
    );
  });

  it('that is not gives every byte it has, once and at its place', () => {
    fc.assert(
      fc.property(pieces, fc.constantFrom(600, 3000, 1_000_000), (list, earlyBytes) => {
        const { client } = one([{ flags: 'S', sequence: START }, ...list.map(piece)], { earlyBytes });
        const plain = client.replace('.capture ended', '');
        let at = 0;
        for (const [, gap, text = ''] of plain.matchAll(/\[(\d+)\]|([^[]+)/g)) {
          if (gap === undefined) expect(text).toBe(TEXT.slice(at, at + text.length));
          at += gap === undefined ? text.length : Number(gap);
        }
        expect(at).toBe(Math.max(0, ...list.map(([from, length]) => Math.min(400, from + length))));
        if (earlyBytes < 1_000_000) return;
        const known = new Set(
          list.flatMap(([from, length]) => [...TEXT.slice(from, from + length)].map((_, i) => from + i)),
        );
        expect(plain.replace(/\[\d+\]/g, '').length).toBe(known.size);
      }),
    );
  });

  it('whatever the headers say: no throw, no bytes after an end, each direction ended once', () => {
    const near = fc.oneof(fc.integer({ min: 90, max: 140 }), fc.integer({ min: 0, max: 0xffffffff }));
    const wild = fc.record({
      from: fc.constantFrom('client' as const, 'server' as const),
      sequence: near,
      acknowledgement: near,
      flags: fc.constantFrom('A', 'A', 'A', 'A', 'S', 'SA', 'FA', 'R', 'FSRPA', ''),
      data: fc.constantFrom('', 'a', 'bcd', 'efghijklmno'),
      clientPort: fc.constantFrom(1, 2, 443),
    });
    const limits = { connections: 2, earlyBytes: 2000, earlyBytesInAll: 3000, patience: 2 };
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 80 }), (list) => {
        for (const { client, server } of assemble(segmentsOf(list), limits).seen) {
          expect(client).toMatch(/^[^.]*\.(fin|reset|capture ended)$/);
          expect(server).toMatch(/^[^.]*\.(fin|reset|capture ended)$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
