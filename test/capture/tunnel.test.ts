/** What the stations above the tunnel hand to it are views of buffers that are used again. */
import { describe, expect, it } from 'vitest';
import { TunnelStation } from '../../src/capture/tunnel.js';

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
