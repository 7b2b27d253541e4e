/** The tunnel station, whose input is views of buffers that are reused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TunnelStation } from '../../../src/capture/conversation/tunnel.js';

const PLACE = { frame: 1, time: 0n };
const keepAlive = Buffer.from('0d00000008000000', 'hex');

function data(payload: Buffer): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(10, 0);
  bytes.writeUInt32LE(10 + payload.length, 4);
  bytes.writeUInt16LE(payload.length, 8);
  return Buffer.concat([bytes, payload]);
}

function recordPdus(): { station: TunnelStation; pdus: string[] } {
  const pdus: string[] = [];
  const sink = { pdu: ({ bytes }: { bytes: Buffer }) => pdus.push(bytes.toString('hex')), note: () => undefined };
  return { station: new TunnelStation(sink, { fromStart: false }), pdus };
}

describe('a PDU in several views of one buffer', () => {
  it('is unchanged when the buffer is overwritten, as by unmasking', () => {
    const whole = data(Buffer.alloc(4000, 'A'));
    const scratch = Buffer.alloc(4010);
    for (const size of [1, 5, 9, 1400, 4000]) {
      const { station, pdus } = recordPdus();
      for (let at = 0; at < whole.length; at += size) {
        const length = whole.copy(scratch, 0, at, at + size);
        station.bytes('client-to-server', scratch.subarray(0, length), PLACE);
        scratch.fill(0xee);
      }
      expect(pdus).toEqual([whole.toString('hex')]);
    }
  });
});

describe('a gap of known length', () => {
  const payload = Buffer.concat(Array.from({ length: 200 }, () => Buffer.concat([Buffer.alloc(40), keepAlive])));
  const whole = data(payload);

  it('within a PDU drops that PDU, and no PDU is read from its payload', () => {
    const { station, pdus } = recordPdus();
    station.bytes('server-to-client', whole.subarray(0, 1000), PLACE);
    station.gap('server-to-client', 1000, PLACE);
    station.bytes('server-to-client', Buffer.concat([whole.subarray(2000), data(Buffer.from('next'))]), PLACE);
    expect(pdus).toEqual([data(Buffer.from('next')).toString('hex')]);
  });

  it('after another gap in the same PDU drops only that PDU', () => {
    const { station, pdus } = recordPdus();
    station.bytes('server-to-client', whole.subarray(0, 1000), PLACE);
    station.gap('server-to-client', 1000, PLACE);
    station.bytes('server-to-client', whole.subarray(2000, 3000), PLACE);
    station.gap('server-to-client', whole.length - 3000, PLACE);
    station.bytes('server-to-client', data(Buffer.from('next')), PLACE);
    expect(pdus).toEqual([data(Buffer.from('next')).toString('hex')]);
  });

  it('or of unknown length is followed by the next PDU, also when its header is split', () => {
    const { station, pdus } = recordPdus();
    station.gap('server-to-client', undefined, PLACE);
    const next = data(Buffer.from('next'));
    for (const byte of next) station.bytes('server-to-client', Buffer.from([byte]), PLACE);
    expect(pdus).toEqual([next.toString('hex')]);
  });
});

describe('a damaged stream', () => {
  const REQUEST = Buffer.from('010000000e000000010000000200', 'hex');
  /** Headers with an impossible length: less than the header, or more than any packet. */
  const impossible = fc.constantFrom('0900000003000000', '0d000000ffffff7f', 'ffffffffffffffff').map(unhex);
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constant(keepAlive) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => data(Buffer.from(bytes))) },
    { weight: 1, arbitrary: impossible },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );

  /** The PDUs and notes when the bytes arrive in pieces of these sizes, in one reused buffer. */
  function read(bytes: Buffer, sizes: readonly number[]): string[] {
    const lines: string[] = [];
    const station = new TunnelStation(
      {
        pdu: (pdu) => lines.push(`${pdu.bytes.toString('hex')} ${pdu.notes.map(({ code }) => code)}`),
        note: (_, { code, text }) => lines.push(`${code} ${text}`),
      },
      { fromStart: true },
    );
    const scratch = Buffer.alloc(bytes.length);
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const length = bytes.copy(scratch, 0, at, at + (sizes[turn % sizes.length] as number));
      station.bytes('client-to-server', scratch.subarray(0, length), PLACE);
      scratch.fill(0xee);
      at += length;
    }
    station.end(PLACE);
    return lines;
  }

  it('gives the same PDUs and notes in any split', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), sizes, (pieces, cuts) => {
        const bytes = Buffer.concat([REQUEST, ...pieces]);
        expect(read(bytes, cuts)).toEqual(read(bytes, [bytes.length]));
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 200) },
    );
  });

  it('is read on at the next packet after an impossible header', () => {
    const bytes = Buffer.concat([REQUEST, unhex('0900000003000000'), keepAlive, keepAlive, data(Buffer.from('x'))]);
    const lines = read(bytes, [bytes.length]);
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      REQUEST.toString('hex'),
      'PDU_FRAMING',
      keepAlive.toString('hex'),
      keepAlive.toString('hex'),
      data(Buffer.from('x')).toString('hex'),
      'NO_ANSWER',
    ]);
  });
});

function unhex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
