import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barePduLine, shownRest } from '../../src/decode/hex.js';
import { parseBarePdus } from '../support/bare.js';

const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);
const bytesOf = (id: string): Buffer => Buffer.from(PDUS.find((one) => one.id === id)?.hex ?? '', 'hex');

const REQUEST = bytesOf('fr2-paa-ws-handshake-request');
const RESPONSE = bytesOf('fr2-paa-ws-handshake-response');
const KEEPALIVE = Buffer.from('0d00000008000000', 'hex');

describe('packets without a capture', () => {
  it('have the sender that their type implies', () => {
    for (const [bytes, direction] of [
      [REQUEST, 'client-to-server'],
      [RESPONSE, 'server-to-client'],
      [bytesOf('fr2-paa-ws-tunnel-response'), 'server-to-client'],
      [bytesOf('fr2-paa-ws-tunnel-auth-response'), 'server-to-client'],
      [bytesOf('fr2-paa-ws-channel-response'), 'server-to-client'],
      [bytesOf('fr2-paa-ws-channel-create'), 'client-to-server'],
      [KEEPALIVE, 'client-to-server'],
    ] as const) {
      const { pdus, rest } = parseBarePdus(bytes);
      expect(pdus.map((pdu) => [pdu.direction, pdu.bytes, pdu.notes])).toEqual([[direction, bytes, []]]);
      expect(rest).toBeUndefined();
    }
  });

  it('have the sender given by the user', () => {
    expect(parseBarePdus(KEEPALIVE, 'server-to-client').pdus[0]?.direction).toBe('server-to-client');
    expect(parseBarePdus(RESPONSE, 'client-to-server').pdus[0]?.direction).toBe('client-to-server');
  });

  it('may be a stream', () => {
    const { pdus, rest } = parseBarePdus(Buffer.concat([REQUEST, RESPONSE, KEEPALIVE]));
    expect(pdus.map(({ name }) => name)).toEqual([
      'PKT_TYPE_HANDSHAKE_REQUEST',
      'PKT_TYPE_HANDSHAKE_RESPONSE',
      'PKT_TYPE_KEEPALIVE',
    ]);
    expect(rest).toBeUndefined();
  });

  it('may be a stream that is longer than the framer can hold', () => {
    const { pdus, rest } = parseBarePdus(Buffer.concat(Array(20_000).fill(KEEPALIVE)));
    expect([pdus.length, rest]).toEqual([20_000, undefined]);
  });

  it('may end with a truncated packet, reported with its actual and its expected length', () => {
    const { pdus, rest } = parseBarePdus(Buffer.concat([KEEPALIVE, REQUEST.subarray(0, 10)]));
    expect(pdus).toHaveLength(1);
    expect(rest?.note).toMatchObject({ code: 'PDU_CUT', severity: 'warning' });
    expect(rest?.note.text).toMatch(/its header says 14 bytes, 10 are there$/);
    expect(rest?.bytes).toEqual(REQUEST.subarray(0, 10));
    if (rest === undefined) return;
    const shown = shownRest(rest);
    expect([shown.direction, shown.name, shown.bytes.length]).toEqual([null, 'PKT_TYPE_HANDSHAKE_REQUEST', 10]);
  });

  it('may be too short for a header', () => {
    const { pdus, rest } = parseBarePdus(Buffer.from('0d00', 'hex'));
    expect([pdus, rest?.note.text]).toEqual([[], expect.stringMatching(/2 bytes are no header$/)]);
    expect(rest && shownRest(rest).name).toBe('no packet');
  });

  it('may have an invalid length', () => {
    const { pdus, rest } = parseBarePdus(Buffer.concat([KEEPALIVE, Buffer.from('0d00000007000000', 'hex')]));
    expect([pdus.length, rest?.note.code, rest?.bytes.length]).toEqual([1, 'PDU_FRAMING', 8]);
  });

  it('never throw and cover every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (random) => {
        const bytes = Buffer.concat([KEEPALIVE, Buffer.from(random)]);
        const { pdus, rest } = parseBarePdus(bytes);
        expect(Buffer.concat([...pdus.map((pdu) => pdu.bytes), rest?.bytes ?? Buffer.alloc(0)])).toEqual(bytes);
      }),
    );
  });

  it('are printed without frame and time, as conversation 1', () => {
    const [pdu] = parseBarePdus(REQUEST).pdus;
    expect(pdu && barePduLine(pdu, 1, {})).toEqual({
      type: 'pdu',
      n: 1,
      frame: null,
      time: null,
      connection: 1,
      transport: 'hex',
      direction: 'client-to-server',
      packetType: 1,
      name: 'PKT_TYPE_HANDSHAKE_REQUEST',
      length: 14,
      fields: { verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 2 },
      notes: [],
    });
  });
});
