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

const THREE = packetsOf([{ flags: 'S' }, { from: 'server', flags: 'SA' }, { data: 'hello' }]);

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
  it.each(FACTS)('$file: as many packets, bytes and nanoseconds as tshark counts', async (facts) => {
    const { packets, problems } = await readCapture(readFileSync(`${CAPTURES}/${facts.file}`));
    expect(problems).toEqual([]);
    expect(packets.length).toBe(facts.packets);
    expect(packets.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(facts.packetBytes);
    expect(packets[0]?.time).toBe(BigInt(facts.firstTime));
    expect(packets.at(-1)?.time).toBe(BigInt(facts.lastTime));
    expect(packets.map(({ frame }) => frame)).toEqual(packets.map((_, i) => i + 1));
    expect(new Set(packets.map(({ linkType }) => linkType))).toEqual(new Set([1]));
  });

  it('gives the key log that a capture carries', async () => {
    const { secrets } = await readCapture(readFileSync(`${CAPTURES}/fr3-ext-ws.dsb.pcapng.gz`));
    const lines = (text: string) => text.split(/\r?\n/).filter((line) => line !== '');
    expect(lines(secrets.join(''))).toEqual(lines(readFileSync(`${CAPTURES}/fr3-ext-ws.keys`, 'latin1')));
  });

  it('reads a file from disk, whatever its name', async () => {
    const { packets, sink } = collect();
    await openCapture(createReadStream(`${CAPTURES}/fr2-paa-ws.pcap.gz`), sink);
    expect(packets.length).toBe(132);
  });

  it.each([1009, 65_536])('gives the same in chunks of %i bytes, packed or not', async (size) => {
    const packed = readFileSync(`${CAPTURES}/fr2-paa-dual.pcapng.gz`);
    const whole = digestOf(await readCapture(packed));
    expect(digestOf(await readCapture(packed, size))).toBe(whole);
    expect(digestOf(await readCapture(gunzipSync(packed), size))).toBe(whole);
  });
});

describe('every split', () => {
  const files: readonly (readonly [string, Buffer])[] = [
    ['pcap', pcapFile(THREE)],
    ['pcapng', mixedPcapng()],
    ['gzip', gzipSync(pcapFile(THREE))],
  ];

  it.each(files)('of %s gives the same', async (_, file) => {
    const whole = await readCapture(file);
    expect(whole.packets.length).toBeGreaterThanOrEqual(3);
    for (let size = 1; size < 80; size++) expect(await readCapture(file, size)).toEqual(whole);
  });

  it.each(files)('of %s that ends early gives the same, and one problem', async (name, file) => {
    const all = (await readCapture(file)).packets;
    for (let length = 4; length < file.length; length += 3) {
      const cut = file.subarray(0, length);
      const whole = await readCapture(cut);
      expect(await readCapture(cut, 7)).toEqual(whole);
      expect(whole.packets).toEqual(all.slice(0, whole.packets.length));
      if (name === 'gzip') expect(whole.problems.map(({ code }) => code)).toEqual(['CAPTURE_TRUNCATED']);
      else expect(whole.problems.length).toBeLessThanOrEqual(1);
    }
  });
});

describe('what is no capture', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'CAPTURE_EMPTY', 'the file is empty'],
    ['one byte', Buffer.from([0xa1]), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['text', Buffer.from('hello world'), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['a zip', Buffer.from('PK\x03\x04....'), 'CAPTURE_UNKNOWN', 'this is a zip archive: unpack it first'],
    ['packed text', gzipSync('hello'), 'CAPTURE_UNKNOWN', 'this is neither pcap nor pcapng'],
    ['packed nothing', gzipSync(''), 'CAPTURE_EMPTY', 'the file is empty'],
    ['packed twice', gzipSync(gzipSync('x')), 'CAPTURE_UNKNOWN', 'gzip within gzip: unpack it first'],
  ])('%s', async (_, file, code, message) => {
    expect(await readCapture(file)).toEqual({ packets: [], secrets: [], problems: [{ code, message, offset: 0 }] });
  });
});

describe('gzip', () => {
  it('reads members one behind the other', async () => {
    const file = pcapFile(THREE);
    const packed = Buffer.concat([gzipSync(file.subarray(0, 50)), gzipSync(file.subarray(50))]);
    expect(await readCapture(packed)).toEqual(await readCapture(file));
  });

  it('gives all of it whatever stands behind, which is told unless it is padding', async () => {
    const [file, packed] = [pcapFile(THREE), gzipSync(pcapFile(THREE))];
    for (const size of [1, 7, 100_000]) {
      const read = (rest: Buffer) => readCapture(Buffer.concat([packed, rest]), size);
      expect(await read(Buffer.alloc(700))).toEqual(await readCapture(file));
      for (const rest of ['garbage', '\x1f', '\x1f\x8b']) {
        const { packets, problems } = await read(Buffer.from(rest, 'latin1'));
        expect(packets).toEqual((await readCapture(file)).packets);
        expect(problems).toHaveLength(1);
      }
    }
  });

  it('with a name, a comment and all else that a header may have', async () => {
    const plain = gzipSync(pcapFile(THREE));
    const more = Buffer.concat([Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0comment\0\x12\x34', 'latin1')]);
    const packed = Buffer.concat([
      plain.subarray(0, 3),
      Buffer.from([0x1e]),
      plain.subarray(4, 10),
      more,
      plain.subarray(10),
    ]);
    for (const size of [1, 100_000])
      expect(await readCapture(packed, size)).toEqual(await readCapture(pcapFile(THREE)));
  });

  it('with a checksum that does not fit is damaged', async () => {
    const packed = gzipSync(pcapFile(THREE));
    packed.writeUInt32LE(7, packed.length - 8);
    const { packets, problems } = await readCapture(packed);
    expect([packets.length, problems.map(({ code }) => code)]).toEqual([3, ['CAPTURE_DAMAGED']]);
  });

  it('gives what came before the damage', async () => {
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, i) => Math.imul(i ^ (i >>> 3), 2654435761) >>> 24));
    const file = pcapFile(Array.from({ length: 20 }, (_, i) => ({ time: EPOCH + BigInt(i) * 1000n, bytes: noise })));
    const packed = gzipSync(file);
    packed.fill(0xff, packed.length - 3000, packed.length - 2900);
    const { packets, problems } = await readCapture(packed);
    expect(packets.length).toBeGreaterThan(0);
    expect(problems.map(({ code }) => code)).toEqual(['CAPTURE_DAMAGED']);
  });
});

describe('the caller', () => {
  it('can stop between two packets', async () => {
    const { packets, sink, codes } = collect();
    const enough = new AbortController();
    const packet = (one: CapturedPacket) => {
      sink.packet(one);
      if (packets.length === 2) enough.abort();
    };
    const input = chunked(pcapFile(THREE), 1000);
    await openCapture(input, { ...sink, packet }, enough.signal);
    expect(packets.length).toBe(2);
    expect(codes).toEqual([]);
    expect(input.destroyed).toBe(true);
  });

  it('can stop while nothing comes', async () => {
    const { packets, sink } = collect();
    const enough = new AbortController();
    const input = new PassThrough();
    input.write(pcapFile(THREE));
    const reading = openCapture(input, sink, enough.signal);
    while (packets.length < 3) await new Promise((resolve) => setImmediate(resolve));
    enough.abort();
    await reading;
    expect(input.destroyed).toBe(true);
  });

  it('can stop before anything was read', async () => {
    const { packets, sink } = collect();
    await openCapture(chunked(pcapFile(THREE), 1000), sink, AbortSignal.abort());
    expect(packets).toEqual([]);
  });

  it.each([
    ['plain', pcapFile(THREE)],
    ['packed', gzipSync(pcapFile(THREE))],
  ])('hears its own errors, %s', async (_, file) => {
    const sink = {
      ...collect().sink,
      packet: () => {
        throw new Error('mine');
      },
    };
    await expect(openCapture(chunked(file, 1000), sink)).rejects.toThrow('mine');
  });

  it.each([true, false])('hears that reading failed, packed: %s', async (packed) => {
    const { packets, sink } = collect();
    const file = packed ? gzipSync(pcapFile(THREE)) : pcapFile(THREE);
    async function* failing() {
      yield file;
      throw new Error('EIO: i/o error');
    }
    const failed = openCapture(Readable.from(failing()), sink);
    await expect(failed).rejects.toMatchObject({ kind: 'input', code: 'CAPTURE_UNREADABLE' });
    expect(packets.length).toBe(3);
  });
});

describe('damage anywhere', () => {
  const files = [pcapFile(THREE), pcapFile(THREE, { bigEndian: true, nanoseconds: true }), mixedPcapng()];

  it('never fails or hangs, and yields what came before', async () => {
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

/** Everything that was read, in one line: matchers take seconds for as many bytes as a real capture has. */
function digestOf({ packets, secrets, problems }: Reading): string {
  const hash = createHash('sha256').update(JSON.stringify([secrets, problems]));
  for (const { frame: number, time, linkType, bytes, originalLength } of packets) {
    hash.update(`${number} ${time} ${linkType} ${originalLength} ${bytes.length} `).update(bytes);
  }
  return `${packets.length} ${hash.digest('hex')}`;
}

/** Two sections of different byte order, every kind of packet block, and some that are skipped. */
function mixedPcapng(): Buffer {
  const little = pcapng();
  const big = pcapng(true);
  const [bytes] = THREE.map((packet: Packet) => packet.bytes) as [Buffer];
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
