/** However TCP cuts a conversation up, what was sent comes out; with one packet lost, nothing else does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CapturedPacket, Sender } from '../../src/capture/types.js';
import { dissectPackets, type Told } from '../support/dissect.js';
import { frame as packetOf, type Segment } from '../support/pcap.js';
import { frame as frameOf, pdusOf, Wire } from '../support/wire.js';
import { httpBytes, stream } from './http/vectors.js';

/** More with FC_RUNS=500; a failure prints its seed, which FC_SEED repeats. */
const RUNS = Number(process.env.FC_RUNS ?? 60);
const SEED = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const OPTIONS = { numRuns: RUNS, ...SEED };

const DIRECTION = { client: 'client-to-server', server: 'server-to-client' } as const;
const SENDERS: readonly Sender[] = ['client', 'server'];
const HEADER = 8;

/** One thing that one side says: a PDU in its framing. */
interface Said {
  readonly from: Sender;
  readonly pdu: Buffer;
  /** Bytes in one segment at most. */
  readonly size: number;
  readonly mask: Buffer;
}

/** A segment, and which stretch of whose PDU it carries; `said` is undefined for what comes before the PDUs. */
interface Sent {
  readonly segment: Segment;
  readonly said: Said | undefined;
  /** It holds nothing but payload, so that whoever saw the header knows what is missing without it. */
  readonly isPayload: boolean;
}

interface Conversation {
  readonly script: readonly Said[];
  readonly packets: readonly Sent[];
}

describe('segments of any size, in buffers that are used again', () => {
  it('give exactly what was sent, each way', () => {
    fc.assert(
      fc.property(conversations('hostile'), ({ script, packets }) => {
        const told = dissectPackets(reused(packets), '');
        for (const from of SENDERS) expect(contents(told, from)).toEqual(sentBy(script, from));
        expect(told.gaps).toEqual([]);
      }),
      OPTIONS,
    );
  });

  it('with one lost: what its neighbours tell, and nothing else', () => {
    fc.assert(
      fc.property(conversations('random'), anywhere(), ({ script, packets }, where) => {
        const { rest, lost } = without(packets, where);
        const told = dissectPackets(reused(rest), '');
        for (const from of SENDERS) {
          const sent = script.filter((said) => said.from === from);
          if (lost.said?.from !== from) {
            expect(contents(told, from)).toEqual(sentBy(script, from));
          } else if (lost.isPayload) {
            // The length in the header reaches over the gap: one PDU is missing, and the next begins where it should.
            expect(contents(told, from)).toEqual(sent.filter((said) => said !== lost.said).map(hex));
          } else {
            const before = sent.slice(0, sent.indexOf(lost.said)).map(hex);
            expect(contents(told, from).slice(0, before.length)).toEqual(before);
            expectInOrder(contents(told, from), sent.map(hex));
          }
        }
      }),
      OPTIONS,
    );
  });

  // The exception: where a header is lost, the next one has to be known by its looks, and a payload may be made to look so.
  // What is told then was never sent as a PDU, but its bytes were, in one piece: nothing is joined across the gap.
  it('with one lost and payloads that look like PDUs: nothing but stretches of what was sent', () => {
    fc.assert(
      fc.property(conversations('hostile'), anywhere(), ({ script, packets }, where) => {
        const { rest, lost } = without(packets, where);
        const told = dissectPackets(reused(rest), '');
        for (const from of SENDERS) {
          const sent = script.filter((said) => said.from === from);
          if (lost.said?.from !== from || lost.isPayload) {
            expect(contents(told, from)).toEqual(sent.filter((said) => said !== lost.said).map(hex));
            continue;
          }
          const whole = sent.map(hex).join('');
          for (const pdu of contents(told, from)) expect(whole).toContain(pdu);
        }
      }),
      OPTIONS,
    );
  });
});

/** Which packet is lost, of those that carry PDUs. */
function anywhere(): fc.Arbitrary<number> {
  return fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
}

function conversations(kind: 'random' | 'hostile'): fc.Arbitrary<Conversation> {
  const said = fc.record({
    from: fc.constantFrom(...SENDERS),
    pdu: fc.oneof(
      { weight: 5, arbitrary: payloads(kind).map(dataOf) },
      { weight: 1, arbitrary: fc.constant(Buffer.from('0d00000008000000', 'hex')) },
    ),
    size: sizes(),
    mask: bytes(4, 4),
  });
  const transport = fc.constantFrom('websocket', 'identity', 'chunked');
  const setUp = fc.array(fc.tuple(sizes(), bytes(4, 4)), { minLength: 8, maxLength: 8 });
  return fc.tuple(transport, setUp, fc.array(said, { minLength: 1, maxLength: 12 })).map(([how, start, rest]) => {
    const script = [
      ...SET_UP.map((one, i) => ({ ...one, size: start[i]?.[0] ?? 1, mask: start[i]?.[1] ?? NO_MASK })),
      ...rest,
    ];
    return { script, packets: how === 'websocket' ? overWebSocket(script) : overDual(script, how) };
  });
}

function sizes(): fc.Arbitrary<number> {
  return fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 200, max: 1460 }));
}

/** `hostile`: among them what looks like headers, with and without a length that fits. */
function payloads(kind: 'random' | 'hostile'): fc.Arbitrary<Buffer> {
  const random = fc.oneof(bytes(0, 300), bytes(1000, 5000));
  if (kind === 'random') return random;
  const header = fc
    .tuple(fc.integer({ min: 1, max: 18 }), fc.integer({ min: HEADER, max: 300 }))
    .map(([type, length]) => {
      const pdu = Buffer.alloc(16);
      pdu.writeUInt16LE(type, 0);
      pdu.writeUInt32LE(length, 4);
      return pdu;
    });
  const headers = fc.array(header, { maxLength: 60 }).map((all) => Buffer.concat(all));
  const small = fc
    .array(fc.constantFrom(0, 0, 0, 0x0d, 0x0a, 1, 8, 0x82, 0x30), { maxLength: 400 })
    .map((all) => Buffer.from(all));
  return fc.oneof(random, headers, small);
}

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
}

const NO_MASK = Buffer.alloc(4);

/** What a real client and gateway said until the channel was there. */
const SET_UP: readonly Pick<Said, 'from' | 'pdu'>[] = (() => {
  const [client = [], server = []] = SENDERS.map((from) => pdusOf(stream(`fr2-paa-ws-${from}`).pdus).slice(0, 4));
  return client.flatMap((pdu, i) => [
    { from: 'client' as const, pdu },
    { from: 'server' as const, pdu: server[i] ?? Buffer.alloc(0) },
  ]);
})();

function dataOf(payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER + 2);
  header.writeUInt16LE(10, 0);
  header.writeUInt32LE(header.length + payload.length, 4);
  header.writeUInt16LE(payload.length, HEADER);
  return Buffer.concat([header, payload]);
}

function overWebSocket(script: readonly Said[]): Sent[] {
  const wire = new Wire();
  return [
    ...quietly(wire.open()),
    ...quietly(wire.say('client', httpBytes('fr2-paa-ws-1-rdg-out-data'))),
    ...quietly(wire.say('server', httpBytes('fr2-paa-ws-2-status-101'))),
    ...script.flatMap((said) => {
      const framed = frameOf(said.pdu, said.from === 'client' ? said.mask : undefined);
      return inSegments(wire, said, framed, framed.length);
    }),
    ...quietly(wire.close()),
  ];
}

/** `how` the gateway's side frames its body; clients always send chunks. */
function overDual(script: readonly Said[], how: string): Sent[] {
  const [out, into] = [new Wire(50_001), new Wire(50_002)];
  const answer = httpBytes('fr2-paa-dual-out-2-status-200').toString('latin1');
  const { seed } = stream('fr2-paa-dual-server');
  const chunked = how === 'chunked';
  const head = chunked ? answer.replace('\r\n', '\r\nTransfer-Encoding: chunked\r\n') : answer;
  return [
    ...quietly(out.open()),
    ...quietly(out.say('client', httpBytes('fr2-paa-dual-out-1-rdg-out-data'))),
    ...quietly(out.say('server', Buffer.from(head, 'latin1'))),
    ...quietly(out.say('server', chunked ? chunk(seed) : seed)),
    ...quietly(into.open()),
    ...quietly(into.say('client', httpBytes('fr2-paa-dual-in-3-rdg-in-data'))),
    ...script.flatMap((said) => {
      if (said.from === 'server' && !chunked) return inSegments(out, said, said.pdu, said.pdu.length);
      const framed = chunk(said.pdu);
      return inSegments(said.from === 'client' ? into : out, said, framed, framed.length - 2);
    }),
    ...quietly(out.close()),
    ...quietly(into.close()),
  ];
}

function chunk(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${payload.length.toString(16)}\r\n`), payload, Buffer.from('\r\n')]);
}

/** The PDU ends at `end` of its framing. */
function inSegments(wire: Wire, said: Said, framed: Buffer, end: number): Sent[] {
  const start = end - said.pdu.length + HEADER;
  return wire.say(said.from, framed, said.size).map((segment, i) => {
    const at = i * said.size;
    return { segment, said, isPayload: at >= start && at + (segment.data?.length ?? 0) <= end };
  });
}

function quietly(segments: readonly Segment[]): Sent[] {
  return segments.map((segment) => ({ segment, said: undefined, isPayload: false }));
}

function without(packets: readonly Sent[], where: number): { rest: Sent[]; lost: Sent } {
  const carrying = packets.filter(({ said }) => said !== undefined);
  const lost = carrying[Math.floor(where * carrying.length)] as Sent;
  return { rest: packets.filter((packet) => packet !== lost), lost };
}

/** As a file reader hands packets on: the bytes are another packet's as soon as the next one is asked for. */
function* reused(packets: readonly Sent[]): Generator<CapturedPacket> {
  const buffer = Buffer.alloc(2048);
  let frame = 0;
  for (const { segment } of packets) {
    const length = packetOf(segment).copy(buffer);
    frame += 1;
    const bytes = buffer.subarray(0, length);
    yield { frame, time: BigInt(frame) * 1_000_000n, linkType: 1, bytes, originalLength: length };
    buffer.fill(0xee);
  }
}

function contents(told: Told, from: Sender): string[] {
  return told.of(DIRECTION[from]).map(({ bytes: pdu }) => pdu.toString('hex'));
}

function sentBy(script: readonly Said[], from: Sender): string[] {
  return script.filter((said) => said.from === from).map(hex);
}

function hex({ pdu }: Said): string {
  return pdu.toString('hex');
}

function expectInOrder(found: readonly string[], sent: readonly string[]): void {
  let at = 0;
  for (const pdu of found) {
    at = sent.indexOf(pdu, at) + 1;
    expect(at, `${pdu.slice(0, 40)} was not sent, or not there`).toBeGreaterThan(0);
  }
}
