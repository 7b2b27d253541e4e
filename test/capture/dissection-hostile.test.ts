/** Damaged captures: the dissection never throws, hangs or invents PDUs, and its limits hold. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Dissection } from '../../src/capture/dissection.js';
import { TCP_LIMITS } from '../../src/capture/tcp/index.js';
import { KeyLog, MAX_HELD_TOTAL } from '../../src/capture/tls/keylog.js';
import type { CapturedPacket } from '../../src/capture/types.js';
import {
  captureFile,
  type DissectionRecorder,
  dissectFile,
  dissectPackets,
  keyFile,
  type RecordedPdu,
} from '../support/dissect.js';
import { memoryInUse } from '../support/memory.js';
import { frame as packetOf, packetsOf } from '../support/pcap.js';
import { readCapture } from '../support/read-capture.js';
import { frame, TcpConversation } from '../support/wire.js';
import { httpBytes, stream } from './http/vectors.js';

/** More with FC_RUNS=500; a failure prints its seed, which FC_SEED repeats. */
const RUNS = Number(process.env.FC_RUNS ?? 8);
const SEED = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const OPTIONS = { numRuns: RUNS, ...SEED };

interface Capture {
  readonly file: Buffer;
  readonly keys: string;
  readonly packets: readonly CapturedPacket[];
  readonly whole: DissectionRecorder;
}

const captures: Record<'ws' | 'dual', Capture> = { ws: undefined as never, dual: undefined as never };
const NAMES = ['ws', 'dual'] as const;

beforeAll(async () => {
  const load = async (name: string, keys: string): Promise<Capture> => {
    const [file, log] = [captureFile(name), keyFile(keys)];
    const { packets } = await readCapture(file);
    return { file, keys: log, packets, whole: dissectPackets(packets, log) };
  };
  captures.ws = await load('fr2-paa-ws.pcap.gz', 'fr2-paa-ws.keys');
  captures.dual = await load('fr3-ntlm-dual.pcapng.gz', 'fr3-ntlm-dual.keys');
});

describe('a damaged file', () => {
  it('truncated anywhere: all PDUs before the cut, and at most one problem', async () => {
    const { file, keys, whole } = captures.ws;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: file.length }), async (length) => {
        const result = await dissectFile(file.subarray(0, length), keys);
        const { frame: last } = await lastPacket(file.subarray(0, length));
        expect(result.pdus.map(content)).toEqual(whole.pdus.filter(({ frame }) => frame <= last).map(content));
        expect(result.problems.length).toBeLessThanOrEqual(1);
        if (length < 24) expect(result.problems).toHaveLength(1);
      }),
      { ...OPTIONS, examples: [[0], [3], [24], [file.length - 1], [file.length]] },
    );
  });

  it('read in chunks of any size: the same events', async () => {
    for (const name of NAMES) {
      const { file, keys, whole } = captures[name];
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 100, max: 200_000 })),
          async (size) => {
            expect((await dissectFile(file, keys, size)).lines).toEqual(whole.lines);
          },
        ),
        { ...OPTIONS, numRuns: Math.ceil(RUNS / 4), examples: [[1]] },
      );
    }
  });

  it('with bits flipped anywhere: sound output', async () => {
    const { file, keys } = captures.ws;
    const flip = fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 7 }));
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 30 }), async (flips) => {
        const damaged = Buffer.from(file);
        for (const [at, bit] of flips) damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expectSound(await dissectFile(damaged, keys));
      }),
      OPTIONS,
    );
  });
});

describe('damaged packets', () => {
  const where = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

  /** The packet to move, the distance, and whether it is duplicated instead. */
  const moves = fc.array(fc.tuple(where, fc.nat({ max: 30 }), fc.boolean()), { minLength: 1, maxLength: 40 });

  it('with bits flipped in headers and payload: sound output', () => {
    for (const name of NAMES) {
      const { packets, keys } = captures[name];
      fc.assert(
        fc.property(fc.array(fc.tuple(where, where, fc.nat({ max: 7 })), { minLength: 1, maxLength: 30 }), (flips) => {
          const damaged = packets.map((packet) => ({ ...packet, bytes: Buffer.from(packet.bytes) }));
          for (const [which, at, bit] of flips) {
            const { bytes } = damaged[Math.floor(which * damaged.length)] as CapturedPacket;
            const offset = Math.floor(at * bytes.length);
            bytes[offset] = (bytes[offset] as number) ^ (1 << bit);
          }
          expectSound(dissectPackets(damaged, keys));
        }),
        OPTIONS,
      );
    }
  });

  it('reordered or duplicated without passing payload of the other side: the same PDUs', () => {
    const { packets, keys, whole } = captures.ws;
    fc.assert(
      fc.property(moves, (chosen) => {
        const result = dissectPackets(moved(packets, chosen, true), keys);
        expect(contents(result)).toEqual(contents(whole));
        expect(result.gaps).toEqual([]);
      }),
      OPTIONS,
    );
  });

  it('reordered or duplicated across payload of the other side: sound output', () => {
    for (const name of NAMES) {
      const { packets, keys } = captures[name];
      fc.assert(
        fc.property(moves, (chosen) => expectSound(dissectPackets(moved(packets, chosen, false), keys))),
        OPTIONS,
      );
    }
  });

  it('with garbage between them: the same events', () => {
    const { packets, keys, whole } = captures.dual;
    const garbage = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(where, garbage), { minLength: 1, maxLength: 20 }), (inserted) => {
        const mixed = packets.flatMap((packet, index) => [
          ...inserted
            .filter(([at]) => Math.floor(at * packets.length) === index)
            .map(([, bytes]) => ({ ...packet, bytes: Buffer.from(bytes), originalLength: bytes.length })),
          packet,
        ]);
        expect(dissectPackets(mixed, keys).lines).toEqual(whole.lines);
      }),
      OPTIONS,
    );
  });

  it('with some lost: no PDU that was not sent, and all PDUs before the first loss', () => {
    for (const name of NAMES) {
      const { packets, keys, whole } = captures[name];
      const known = new Set(whole.pdus.map(({ bytes }) => bytes.toString('hex')));
      fc.assert(
        fc.property(fc.array(where, { minLength: 1, maxLength: 8 }), (which) => {
          const lost = new Set(which.map((at) => Math.floor(at * packets.length)));
          const result = dissectPackets(
            packets.filter((_, index) => !lost.has(index)),
            keys,
          );
          expectSound(result);
          for (const { bytes } of result.pdus) expect(known.has(bytes.toString('hex'))).toBe(true);
          const first = packets[Math.min(...lost)]?.frame ?? 0;
          const before = whole.pdus.filter(({ frame }) => frame < first);
          for (const direction of ['client-to-server', 'server-to-client'] as const) {
            // The capture interleaves the directions, so each is compared by itself.
            const intact = before.filter((pdu) => pdu.direction === direction).map(content);
            expect(result.of(direction).map(content).slice(0, intact.length)).toEqual(intact);
          }
        }),
        OPTIONS,
      );
    }
  });

  it('truncated by a snap length: sound output', () => {
    const { packets, keys } = captures.ws;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1500 }), (snap) => {
        expectSound(
          dissectPackets(
            packets.map((packet) => ({ ...packet, bytes: packet.bytes.subarray(0, snap) })),
            keys,
          ),
        );
      }),
      OPTIONS,
    );
  });
});

describe('one lost packet', () => {
  it('within TLS: its PDUs are missing, a gap is reported, and reading resumes at the next frame', () => {
    const { packets, keys, whole } = captures.ws;
    // A segment of a DATA that spans several segments, with DATA before and after it.
    const data = whole.of('server-to-client').filter(({ packetType }) => packetType === 10);
    for (const pdu of [data[10], data[20], data[30]]) {
      const frame = pdu?.frame ?? 0;
      const result = dissectPackets(
        packets.filter((packet) => packet.frame !== frame),
        keys,
      );
      const texts = contents(result);
      const missing = whole.pdus.filter((sent) => !texts.includes(content(sent)));
      expect(missing.length).toBeGreaterThan(0);
      expect(missing.length).toBeLessThanOrEqual(4);
      expect(missing.every((sent) => Math.abs(sent.frame - frame) <= 3)).toBe(true);
      expect(result.gaps.map(({ direction }) => direction)).toEqual(['server-to-client']);
      expect(result.of('client-to-server')).toHaveLength(whole.of('client-to-server').length);
      expect(content(result.of('server-to-client').at(-1))).toBe(content(whole.of('server-to-client').at(-1)));
    }
  });

  it('without TLS: only its PDU is missing', () => {
    const wire = new TcpConversation();
    const data = (text: string): Buffer => {
      const bytes = Buffer.concat([Buffer.from([10, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(text)]);
      bytes.writeUInt32LE(bytes.length, 4);
      bytes.writeUInt16LE(text.length, 8);
      return bytes;
    };
    const payloads = Array.from({ length: 9 }, (_, index) => `payload ${index}`);
    const segments = [
      ...wire.open(),
      ...wire.send('client', httpBytes('fr2-paa-ws-1-rdg-out-data')),
      ...wire.send('server', httpBytes('fr2-paa-ws-2-status-101')),
      ...wire.send('server', stream('fr2-paa-ws-server').wire),
    ];
    const lost = segments.length + 4;
    for (const payload of payloads) segments.push(...wire.send('server', frame(data(payload))));
    const { packets } = { packets: packetsOf(segments.filter((_, index) => index !== lost)) };
    const result = dissectPackets(
      packets.map((packet, index) => ({
        ...packet,
        frame: index + 1,
        linkType: 1,
        originalLength: packet.bytes.length,
      })),
      '',
    );
    const received = result.of('server-to-client').flatMap((pdu) => (pdu.data ? [pdu.data.toString('latin1')] : []));
    expect(received.slice(-8)).toEqual(payloads.filter((_, index) => index !== 4));
    // The frame header is lost too, so the number of missing tunnel bytes is unknown.
    expect(result.gaps).toMatchObject([{ direction: 'server-to-client', length: undefined }]);
  });
});

describe('limits', () => {
  it('of out-of-order bytes, when a sender never fills its first gap', async () => {
    const before = await memoryInUse();
    const payload = Buffer.alloc(1400, 7);
    function* endless(): Generator<CapturedPacket> {
      const packet = (frame: number, bytes: Buffer): CapturedPacket => ({
        frame,
        time: BigInt(frame),
        linkType: 1,
        bytes,
        originalLength: bytes.length,
      });
      for (let port = 1; port <= 40; port++) {
        yield packet(port, packetOf({ flags: 'S', sequence: 0, clientPort: port }));
        for (let n = 0; n < 1200; n++) {
          yield packet(port, packetOf({ sequence: 100 + n * 1400, data: payload, clientPort: port }));
        }
      }
    }
    let peak = 0;
    let seen = 0;
    const watched = function* (): Generator<CapturedPacket> {
      for (const packet of endless()) {
        if (++seen % 4000 === 0) peak = Math.max(peak, process.memoryUsage().arrayBuffers);
        yield packet;
      }
    };
    expectSound(dissectPackets(watched(), ''));
    expect(peak - before).toBeLessThan(TCP_LIMITS.totalOutOfOrderBytes * 3);
    expect((await memoryInUse()) - before).toBeLessThan(TCP_LIMITS.outOfOrderBytes * 2);
  });

  it('of records that wait for keys, which are released when their connections end', () => {
    const { packets } = captures.ws;
    const keys = new KeyLog();
    let most = 0;
    function* watched(): Generator<CapturedPacket> {
      for (const packet of packets) {
        yield packet;
        most = Math.max(most, keys.held);
      }
    }
    dissectPackets(watched(), keys);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(MAX_HELD_TOTAL);
    expect(keys.held).toBe(0);
  });

  it('of memory, when many clients retry with large heads', async () => {
    const head = `RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nAuthorization: Negotiate ${'A'.repeat(60_000)}\r\n`;
    function* retries(): Generator<CapturedPacket> {
      for (let client = 0, frame = 1; client < 300; client++) {
        const wire = new TcpConversation(10_000 + client);
        const request = Buffer.from(`${head}RDG-Connection-Id: {${String(client).repeat(20)}}\r\n\r\n`);
        const answer = Buffer.from('HTTP/1.1 401 Unauthorized, try again\r\nContent-Length: 0\r\n\r\n');
        const tries = () => [...wire.send('client', request, 16_000), ...wire.send('server', answer)];
        for (const segment of [...wire.open(), ...tries(), ...tries(), ...tries()]) {
          const bytes = packetOf(segment);
          yield { frame: frame++, time: 0n, linkType: 1, bytes, originalLength: bytes.length };
        }
      }
    }
    const before = await memoryInUse();
    const dissection = new Dissection(() => undefined, new KeyLog());
    for (const packet of retries()) dissection.packet(packet);
    expect((await memoryInUse()) - before).toBeLessThan(8 * 1024 * 1024);
    dissection.finish();
    expect(dissection.counts.conversations).toBe(300);
  });

  it('do not drop any of many small PDUs in one burst', () => {
    const keepAlive = Buffer.from('0d00000008000000', 'hex');
    const wire = new TcpConversation();
    const burst = Buffer.concat(Array.from({ length: 6000 }, () => frame(keepAlive)));
    const segments = [
      ...wire.open(),
      ...wire.send('client', httpBytes('fr2-paa-ws-1-rdg-out-data')),
      ...wire.send('server', httpBytes('fr2-paa-ws-2-status-101')),
      ...wire.send('server', burst),
    ];
    const packets = packetsOf(segments).map((packet, index) => ({
      ...packet,
      frame: index + 1,
      linkType: 1,
      originalLength: packet.bytes.length,
    }));
    expect(dissectPackets(packets, '').pdus).toHaveLength(6000);
  });
});

/** Moves or duplicates packets. With `alone` no packet passes one of the other side that has a payload. */
function moved(
  packets: readonly CapturedPacket[],
  moves: readonly (readonly [which: number, by: number, twice: boolean])[],
  alone: boolean,
): CapturedPacket[] {
  const result = [...packets];
  for (const [which, by, twice] of moves) {
    // The SYNs are not moved, because they define the initial sequence numbers.
    const at = 2 + Math.floor(which * (result.length - 2));
    const packet = result[at] as CapturedPacket;
    const side = portOf(packet);
    const other = result.findIndex((one, index) => index > at && portOf(one) !== side && one.bytes.length > 66);
    const to = Math.min(at + by, alone && other >= 0 ? other - 1 : result.length);
    if (!twice) result.splice(at, 1);
    result.splice(to, 0, packet);
  }
  return result;
}

/** The source port. The captures have Ethernet and IPv4 without options. */
function portOf({ bytes }: CapturedPacket): number {
  return bytes.readUInt16BE(34);
}

/**
 * Checks what must hold for any input. The recorder has checked that the fields of each PDU cover it without overlap.
 */
function expectSound(result: DissectionRecorder): void {
  result.pdus.forEach(({ n, bytes }, index) => {
    expect(n).toBe(index + 1);
    expect(bytes.readUInt32LE(4)).toBe(bytes.length);
  });
  expect(result.ends.map(({ conversation }) => conversation.number).sort()).toEqual(
    result.connections.map(({ conversation }) => conversation.number).sort(),
  );
}

function contents(result: DissectionRecorder): string[] {
  // The order of PDUs across directions may change when packets are moved.
  return [...result.of('client-to-server'), ...result.of('server-to-client')].map(content);
}

function content(pdu: RecordedPdu | undefined): string {
  return `${pdu?.conversation} ${pdu?.direction} ${pdu?.bytes.toString('hex')}`;
}

async function lastPacket(file: Buffer): Promise<{ frame: number }> {
  const { packets } = await readCapture(Buffer.from(file));
  return { frame: packets.at(-1)?.frame ?? 0 };
}
