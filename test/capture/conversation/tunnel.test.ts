/** What the stations above the tunnel hand to it are views of buffers that are used again. */
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

function listen(): { station: TunnelStation; told: string[] } {
  const told: string[] = [];
  const sink = { pdu: ({ bytes }: { bytes: Buffer }) => told.push(bytes.toString('hex')), note: () => undefined };
  return { station: new TunnelStation(sink, { fromStart: false }), told };
}

describe('a PDU in several views of one buffer', () => {
  it('stays what it was when the buffer is overwritten, as the unmasking of a client does', () => {
    const whole = data(Buffer.alloc(4000, 'A'));
    const scratch = Buffer.alloc(4010);
    for (const size of [1, 5, 9, 1400, 4000]) {
      const { station, told } = listen();
      for (let at = 0; at < whole.length; at += size) {
        const length = whole.copy(scratch, 0, at, at + size);
        station.bytes('client-to-server', scratch.subarray(0, length), PLACE);
        scratch.fill(0xee);
      }
      expect(told).toEqual([whole.toString('hex')]);
    }
  });
});

describe('a gap of known length', () => {
  const payload = Buffer.concat(Array.from({ length: 200 }, () => Buffer.concat([Buffer.alloc(40), keepAlive])));
  const whole = data(payload);

  it('inside a PDU takes that one, and what lies in it is none', () => {
    const { station, told } = listen();
    station.bytes('server-to-client', whole.subarray(0, 1000), PLACE);
    station.gap('server-to-client', 1000, PLACE);
    station.bytes('server-to-client', Buffer.concat([whole.subarray(2000), data(Buffer.from('next'))]), PLACE);
    expect(told).toEqual([data(Buffer.from('next')).toString('hex')]);
  });

  it('behind another one in the same PDU as well', () => {
    const { station, told } = listen();
    station.bytes('server-to-client', whole.subarray(0, 1000), PLACE);
    station.gap('server-to-client', 1000, PLACE);
    station.bytes('server-to-client', whole.subarray(2000, 3000), PLACE);
    station.gap('server-to-client', whole.length - 3000, PLACE);
    station.bytes('server-to-client', data(Buffer.from('next')), PLACE);
    expect(told).toEqual([data(Buffer.from('next')).toString('hex')]);
  });

  it('a header in two pieces is found behind a gap of unknown length', () => {
    const { station, told } = listen();
    station.gap('server-to-client', undefined, PLACE);
    const next = data(Buffer.from('next'));
    for (const byte of next) station.bytes('server-to-client', Buffer.from([byte]), PLACE);
    expect(told).toEqual([next.toString('hex')]);
  });
});

describe('a stream that is damaged', () => {
  const REQUEST = Buffer.from('010000000e000000010000000200', 'hex');
  /** A header that cannot be one: shorter than itself, or longer than any packet. */
  const impossible = fc.constantFrom('0900000003000000', '0d000000ffffff7f', 'ffffffffffffffff').map(unhex);
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constant(keepAlive) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => data(Buffer.from(bytes))) },
    { weight: 1, arbitrary: impossible },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );

  /** All that is told when the bytes come in pieces of these sizes, in one buffer that is used over and over. */
  function told(bytes: Buffer, sizes: readonly number[]): string[] {
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

  it('is told the same however it is split', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), sizes, (pieces, cuts) => {
        const bytes = Buffer.concat([REQUEST, ...pieces]);
        expect(told(bytes, cuts)).toEqual(told(bytes, [bytes.length]));
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 200) },
    );
  });

  it('goes on with the next packet behind an impossible header', () => {
    const bytes = Buffer.concat([REQUEST, unhex('0900000003000000'), keepAlive, keepAlive, data(Buffer.from('x'))]);
    const lines = told(bytes, [bytes.length]);
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
