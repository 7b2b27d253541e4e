import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../../src/capture/file/open.js';
import type { CapturedPacket } from '../../../src/capture/types.js';
import { EPOCH, frame, type Packet, packetsOf, pcapFile, pcapng } from '../../support/pcap.js';
import { CAPTURES, chunked, FACTS, type Reading, readCapture } from '../../support/read-capture.js';

const PACKETS = packetsOf([{ flags: 'S' }, { from: 'server', flags: 'SA' }, { data: 'hello' }]);

function collect(): { packets: CapturedPacket[]; sink: Parameters<typeof openCapture>[1]; codes: string[] } {
  const packets: CapturedPacket[] = [];
  const codes: string[] = [];
  const sink = {
    packet: (packet: CapturedPacket) => packets.push(packet),
    secrets: () => {},
    problem: ({ code }: { code: string }) => codes.push(code),
  };
  return { packets, sink, codes };
}

describe('real captures', () => {
  it.each(FACTS)('$file: the same packet count, byte count and time stamps as tshark', async (facts) => {
    const { packets, problems } = await readCapture(readFileSync(`${CAPTURES}/${facts.file}`));
    expect(problems).toEqual([]);
    expect(packets.length).toBe(facts.packets);
    expect(packets.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(facts.packetBytes);
    expect(packets[0]?.time).toBe(BigInt(facts.firstTime));
    expect(packets.at(-1)?.time).toBe(BigInt(facts.lastTime));
    expect(packets.map(({ frame }) => frame)).toEqual(packets.map((_, i) => i + 1));
    expect(new Set(packets.map(({ linkType }) => linkType))).toEqual(new Set([1]));
  });

  it('reports the key log embedded in a capture', async () => {
    const { secrets } = await readCapture(readFileSync(`${CAPTURES}/fr3-ext-ws.dsb.pcapng.gz`));
    const lines = (text: string) => text.split(/\r?\n/).filter((line) => line !== '');
    expect(lines(secrets.join(''))).toEqual(lines(readFileSync(`${CAPTURES}/fr3-ext-ws.keys`, 'latin1')));
  });

  it('reads a file from disk', async () => {
    const { packets, sink } = collect();
    await openCapture(createReadStream(`${CAPTURES}/fr2-paa-ws.pcap.gz`), sink);
    expect(packets.length).toBe(132);
  });

  it.each([1009, 65_536])('reads the same in chunks of %i bytes, compressed or not', async (size) => {
    const compressed = readFileSync(`${CAPTURES}/fr2-paa-dual.pcapng.gz`);
    const whole = digestOf(await readCapture(compressed));
    expect(digestOf(await readCapture(compressed, size))).toBe(whole);
    expect(digestOf(await readCapture(gunzipSync(compressed), size))).toBe(whole);
  });
});

describe('chunk sizes', () => {
  const files: readonly (readonly [string, Buffer])[] = [
    ['pcap', pcapFile(PACKETS)],
    ['pcapng', mixedPcapng()],
    ['gzip', gzipSync(pcapFile(PACKETS))],
  ];

  it.each(files)('do not change the result for %s', async (_, file) => {
    const whole = await readCapture(file);
    expect(whole.packets.length).toBeGreaterThanOrEqual(3);
    for (let size = 1; size < 80; size++) expect(await readCapture(file, size)).toEqual(whole);
  });

  it.each(files)('do not change the result for a truncated %s file, with at most one problem', async (name, file) => {
    const all = (await readCapture(file)).packets;
    for (let length = 4; length < file.length; length += 3) {
      const truncated = file.subarray(0, length);
      const whole = await readCapture(truncated);
      expect(await readCapture(truncated, 7)).toEqual(whole);
      expect(whole.packets).toEqual(all.slice(0, whole.packets.length));
      if (name === 'gzip') expect(whole.problems.map(({ code }) => code)).toEqual(['CAPTURE_TRUNCATED']);
      else expect(whole.problems.length).toBeLessThanOrEqual(1);
    }
  });
});

describe('input that is not a capture', () => {
  it.each([
    ['an empty file', Buffer.alloc(0), 'CAPTURE_EMPTY', 'the file is empty'],
    ['one byte', Buffer.from([0xa1]), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['text', Buffer.from('hello world'), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['a zip archive', Buffer.from('PK\x03\x04....'), 'CAPTURE_UNKNOWN', 'this is a zip archive: unpack it first'],
    ['gzip of text', gzipSync('hello'), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['gzip of an empty file', gzipSync(''), 'CAPTURE_EMPTY', 'the file is empty'],
    ['gzip of gzip', gzipSync(gzipSync('x')), 'CAPTURE_UNKNOWN', 'gzip within gzip: unpack it first'],
  ])('%s', async (_, file, code, message) => {
    expect(await readCapture(file)).toEqual({ packets: [], secrets: [], problems: [{ code, message, offset: 0 }] });
  });
});

describe('gzip', () => {
  it('reads consecutive members', async () => {
    const file = pcapFile(PACKETS);
    const compressed = Buffer.concat([gzipSync(file.subarray(0, 50)), gzipSync(file.subarray(50))]);
    expect(await readCapture(compressed)).toEqual(await readCapture(file));
  });

  it('ignores zero padding after the data and reports any other trailing bytes', async () => {
    const [file, compressed] = [pcapFile(PACKETS), gzipSync(pcapFile(PACKETS))];
    for (const size of [1, 7, 100_000]) {
      const read = (trailing: Buffer) => readCapture(Buffer.concat([compressed, trailing]), size);
      expect(await read(Buffer.alloc(700))).toEqual(await readCapture(file));
      for (const trailing of ['garbage', '\x1f', '\x1f\x8b']) {
        const { packets, problems } = await read(Buffer.from(trailing, 'latin1'));
        expect(packets).toEqual((await readCapture(file)).packets);
        expect(problems).toHaveLength(1);
      }
    }
  });

  it('reads a header with all optional fields', async () => {
    const plain = gzipSync(pcapFile(PACKETS));
    const optionalFields = Buffer.concat([
      Buffer.from([3, 0, 1, 2, 3]),
      Buffer.from('name\0comment\0\x12\x34', 'latin1'),
    ]);
    const compressed = Buffer.concat([
      plain.subarray(0, 3),
      Buffer.from([0x1e]),
      plain.subarray(4, 10),
      optionalFields,
      plain.subarray(10),
    ]);
    for (const size of [1, 100_000])
      expect(await readCapture(compressed, size)).toEqual(await readCapture(pcapFile(PACKETS)));
  });

  it('reports a wrong checksum as damage', async () => {
    const compressed = gzipSync(pcapFile(PACKETS));
    compressed.writeUInt32LE(7, compressed.length - 8);
    const { packets, problems } = await readCapture(compressed);
    expect([packets.length, problems.map(({ code }) => code)]).toEqual([3, ['CAPTURE_DAMAGED']]);
  });

  it('reads the packets before the damage', async () => {
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, i) => Math.imul(i ^ (i >>> 3), 2654435761) >>> 24));
    const file = pcapFile(Array.from({ length: 20 }, (_, i) => ({ time: EPOCH + BigInt(i) * 1000n, bytes: noise })));
    const compressed = gzipSync(file);
    compressed.fill(0xff, compressed.length - 3000, compressed.length - 2900);
    const { packets, problems } = await readCapture(compressed);
    expect(packets.length).toBeGreaterThan(0);
    expect(problems.map(({ code }) => code)).toEqual(['CAPTURE_DAMAGED']);
  });
});

describe('stopping and errors', () => {
  it('stops between two packets on abort', async () => {
    const { packets, sink, codes } = collect();
    const controller = new AbortController();
    const packet = (one: CapturedPacket) => {
      sink.packet(one);
      if (packets.length === 2) controller.abort();
    };
    const input = chunked(pcapFile(PACKETS), 1000);
    await openCapture(input, { ...sink, packet }, controller.signal);
    expect(packets.length).toBe(2);
    expect(codes).toEqual([]);
    expect(input.destroyed).toBe(true);
  });

  it('stops on abort while the input is idle', async () => {
    const { packets, sink } = collect();
    const controller = new AbortController();
    const input = new PassThrough();
    input.write(pcapFile(PACKETS));
    const reading = openCapture(input, sink, controller.signal);
    while (packets.length < 3) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await reading;
    expect(input.destroyed).toBe(true);
  });

  it('reads nothing when the signal is aborted already', async () => {
    const { packets, sink } = collect();
    await openCapture(chunked(pcapFile(PACKETS), 1000), sink, AbortSignal.abort());
    expect(packets).toEqual([]);
  });

  it.each([
    ['plain', pcapFile(PACKETS)],
    ['compressed', gzipSync(pcapFile(PACKETS))],
  ])('rejects with an error thrown by the sink, %s', async (_, file) => {
    const sink = {
      ...collect().sink,
      packet: () => {
        throw new Error('sink error');
      },
    };
    await expect(openCapture(chunked(file, 1000), sink)).rejects.toThrow('sink error');
  });

  it.each([true, false])('rejects with a Fault when reading fails, compressed: %s', async (compressed) => {
    const { packets, sink } = collect();
    const file = compressed ? gzipSync(pcapFile(PACKETS)) : pcapFile(PACKETS);
    async function* failing() {
      yield file;
      throw new Error('EIO: i/o error');
    }
    const failed = openCapture(Readable.from(failing()), sink);
    await expect(failed).rejects.toMatchObject({ kind: 'input', code: 'CAPTURE_UNREADABLE' });
    expect(packets.length).toBe(3);
  });
});

describe('random damage', () => {
  const files = [pcapFile(PACKETS), pcapFile(PACKETS, { bigEndian: true, nanoseconds: true }), mixedPcapng()];

  it('never throws or hangs, and gives the same result for every chunk size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
        fc.integer({ min: 1, max: 200 }),
        async (file, changes, size) => {
          const damaged = Buffer.from(file);
          for (const [at, value] of changes) damaged[at % file.length] = value;
          const whole = await readCapture(damaged);
          expect(whole.problems.length).toBeLessThanOrEqual(1);
          expect(await readCapture(damaged, size)).toEqual(whole);
          for (const { time } of whole.packets) new Date(Number(time / 1_000_000n)).toISOString();
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Hash of a reading. Comparing the bytes of a real capture with matchers takes seconds. */
function digestOf({ packets, secrets, problems }: Reading): string {
  const hash = createHash('sha256').update(JSON.stringify([secrets, problems]));
  for (const { frame: number, time, linkType, bytes, originalLength } of packets) {
    hash.update(`${number} ${time} ${linkType} ${originalLength} ${bytes.length} `).update(bytes);
  }
  return `${packets.length} ${hash.digest('hex')}`;
}

/** Two sections with different byte orders, every kind of packet block, and some skipped blocks. */
function mixedPcapng(): Buffer {
  const little = pcapng();
  const big = pcapng(true);
  const [bytes] = PACKETS.map((packet: Packet) => packet.bytes) as [Buffer];
  return Buffer.concat([
    little.section(),
    little.interface(1, 0, 9),
    little.secrets('CLIENT_RANDOM 00 11\n'),
    little.enhanced(bytes, EPOCH),
    little.block(0x0bad, Buffer.alloc(400)),
    little.simple(frame({ data: 'simple' })),
    big.section(),
    big.interface(),
    big.interface(101, 0, 0x94, 3n),
    big.obsolete(bytes, EPOCH / 1000n, 0),
    big.enhanced(bytes, 1n << 20n, 1),
  ]);
}
