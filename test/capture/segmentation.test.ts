/** Segmentation by TCP: the PDUs are read in any split, and with a lost segment no PDU is invented. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CapturedPacket, Sender } from '../../src/capture/types.js';
import { type DissectionRecorder, dissectPackets } from '../support/dissect.js';
import { frame as packetOf, type Segment } from '../support/pcap.js';
import { frame as frameOf, pdusOf, TcpConversation } from '../support/wire.js';
import { httpBytes, stream } from './http/vectors.js';

/** More with FC_RUNS=500; a failure prints its seed, which FC_SEED repeats. */
const RUNS = Number(process.env.FC_RUNS ?? 60);
const SEED = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const OPTIONS = { numRuns: RUNS, ...SEED };

const DIRECTION = { client: 'client-to-server', server: 'server-to-client' } as const;
const SENDERS: readonly Sender[] = ['client', 'server'];
const HEADER = 8;

/** A PDU that one side sends. */
interface Message {
  readonly from: Sender;
  readonly pdu: Buffer;
  /** Maximum segment size in bytes. */
  readonly size: number;
  readonly mask: Buffer;
}

/** A segment with the message that it carries a part of; undefined for handshakes and HTTP heads. */
interface Sent {
  readonly segment: Segment;
  readonly message: Message | undefined;
  /** The segment carries only payload. With the header known, the reader knows how much is missing without it. */
  readonly isPayload: boolean;
}

interface Conversation {
  readonly script: readonly Message[];
  readonly packets: readonly Sent[];
}

describe('segments of any size, in reused buffers', () => {
  it('yield exactly the PDUs that were sent, in each direction', () => {
    fc.assert(
      fc.property(conversations('hostile'), ({ script, packets }) => {
        const result = dissectPackets(reused(packets), '');
        for (const from of SENDERS) expect(contents(result, from)).toEqual(sentBy(script, from));
        expect(result.gaps).toEqual([]);
      }),
      OPTIONS,
    );
  });

  it('yield only PDUs that were sent when one segment is lost', () => {
    fc.assert(
      fc.property(conversations('random'), anywhere(), ({ script, packets }, where) => {
        const { rest, lost } = without(packets, where);
        const result = dissectPackets(reused(rest), '');
        for (const from of SENDERS) {
          const sent = script.filter((message) => message.from === from);
          if (lost.message?.from !== from) {
            expect(contents(result, from)).toEqual(sentBy(script, from));
          } else if (lost.isPayload) {
            // The length in the header covers the gap: one PDU is missing, and the next one is read.
            expect(contents(result, from)).toEqual(sent.filter((message) => message !== lost.message).map(hex));
          } else {
            const before = sent.slice(0, sent.indexOf(lost.message)).map(hex);
            expect(contents(result, from).slice(0, before.length)).toEqual(before);
            expectInOrder(contents(result, from), sent.map(hex));
          }
        }
      }),
      OPTIONS,
    );
  });

  // After a lost header the next one is recognised by its bytes, and a hostile payload may imitate one. The result then
  // has PDUs that were not sent as PDUs, but their bytes were sent in one piece: nothing is joined across the gap.
  it('yield only contiguous sent bytes when one is lost and payloads imitate PDUs', () => {
    fc.assert(
      fc.property(conversations('hostile'), anywhere(), ({ script, packets }, where) => {
        const { rest, lost } = without(packets, where);
        const result = dissectPackets(reused(rest), '');
        for (const from of SENDERS) {
          const sent = script.filter((message) => message.from === from);
          if (lost.message?.from !== from || lost.isPayload) {
            expect(contents(result, from)).toEqual(sent.filter((message) => message !== lost.message).map(hex));
            continue;
          }
          const whole = sent.map(hex).join('');
          for (const pdu of contents(result, from)) expect(whole).toContain(pdu);
        }
      }),
      OPTIONS,
    );
  });
});

/** The position of the lost packet among those that carry PDUs, from 0 to 1. */
function anywhere(): fc.Arbitrary<number> {
  return fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
}

function conversations(kind: 'random' | 'hostile'): fc.Arbitrary<Conversation> {
  const message = fc.record({
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
  return fc.tuple(transport, setUp, fc.array(message, { minLength: 1, maxLength: 12 })).map(([how, start, rest]) => {
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

/** `hostile`: some payloads imitate headers, with plausible and implausible lengths. */
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

/** The PDUs of a recorded client and gateway up to the open channel. */
const SET_UP: readonly Pick<Message, 'from' | 'pdu'>[] = (() => {
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

function overWebSocket(script: readonly Message[]): Sent[] {
  const wire = new TcpConversation();
  return [
    ...withoutMessage(wire.open()),
    ...withoutMessage(wire.send('client', httpBytes('fr2-paa-ws-1-rdg-out-data'))),
    ...withoutMessage(wire.send('server', httpBytes('fr2-paa-ws-2-status-101'))),
    ...script.flatMap((message) => {
      const framed = frameOf(message.pdu, message.from === 'client' ? message.mask : undefined);
      return inSegments(wire, message, framed, framed.length);
    }),
    ...withoutMessage(wire.close()),
  ];
}

/** The HTTP transport. `how` is the gateway's transfer coding; clients always send chunks. */
function overDual(script: readonly Message[], how: string): Sent[] {
  const [out, into] = [new TcpConversation(50_001), new TcpConversation(50_002)];
  const answer = httpBytes('fr2-paa-dual-out-2-status-200').toString('latin1');
  const { seed } = stream('fr2-paa-dual-server');
  const chunked = how === 'chunked';
  const head = chunked ? answer.replace('\r\n', '\r\nTransfer-Encoding: chunked\r\n') : answer;
  return [
    ...withoutMessage(out.open()),
    ...withoutMessage(out.send('client', httpBytes('fr2-paa-dual-out-1-rdg-out-data'))),
    ...withoutMessage(out.send('server', Buffer.from(head, 'latin1'))),
    ...withoutMessage(out.send('server', chunked ? chunk(seed) : seed)),
    ...withoutMessage(into.open()),
    ...withoutMessage(into.send('client', httpBytes('fr2-paa-dual-in-3-rdg-in-data'))),
    ...script.flatMap((message) => {
      if (message.from === 'server' && !chunked) return inSegments(out, message, message.pdu, message.pdu.length);
      const framed = chunk(message.pdu);
      return inSegments(message.from === 'client' ? into : out, message, framed, framed.length - 2);
    }),
    ...withoutMessage(out.close()),
    ...withoutMessage(into.close()),
  ];
}

function chunk(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${payload.length.toString(16)}\r\n`), payload, Buffer.from('\r\n')]);
}

/** Sends a framed PDU, which ends at the offset `end` of `framed`. */
function inSegments(wire: TcpConversation, message: Message, framed: Buffer, end: number): Sent[] {
  const start = end - message.pdu.length + HEADER;
  return wire.send(message.from, framed, message.size).map((segment, i) => {
    const at = i * message.size;
    return { segment, message, isPayload: at >= start && at + (segment.data?.length ?? 0) <= end };
  });
}

function withoutMessage(segments: readonly Segment[]): Sent[] {
  return segments.map((segment) => ({ segment, message: undefined, isPayload: false }));
}

function without(packets: readonly Sent[], where: number): { rest: Sent[]; lost: Sent } {
  const carrying = packets.filter(({ message }) => message !== undefined);
  const lost = carrying[Math.floor(where * carrying.length)] as Sent;
  return { rest: packets.filter((packet) => packet !== lost), lost };
}

/** Yields packets like a file reader, which overwrites the bytes of a packet with the next one. */
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

function contents(result: DissectionRecorder, from: Sender): string[] {
  return result.of(DIRECTION[from]).map(({ bytes: pdu }) => pdu.toString('hex'));
}

function sentBy(script: readonly Message[], from: Sender): string[] {
  return script.filter((message) => message.from === from).map(hex);
}

function hex({ pdu }: Message): string {
  return pdu.toString('hex');
}

function expectInOrder(found: readonly string[], sent: readonly string[]): void {
  let at = 0;
  for (const pdu of found) {
    at = sent.indexOf(pdu, at) + 1;
    expect(at, `${pdu.slice(0, 40)} was not sent, or not there`).toBeGreaterThan(0);
  }
}
