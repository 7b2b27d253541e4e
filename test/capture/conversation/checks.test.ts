import { describe, expect, it } from 'vitest';
import { checkPdu } from '../../../src/capture/conversation/checks.js';

/** Bytes after the common header of MS-TSGU 2.2.10.9, which is put in front of them with the right length. */
function pdu(type: number, ...fields: readonly string[]): Buffer {
  const body = Buffer.from(fields.join('').replaceAll(' ', ''), 'hex');
  const header = Buffer.alloc(8);
  header.writeUInt16LE(type, 0);
  header.writeUInt32LE(8 + body.length, 4);
  return Buffer.concat([header, body]);
}

const codesOf = (bytes: Buffer): string[] => checkPdu(bytes).notes.map(({ code }) => code);

const [HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, TUNNEL_RESPONSE] = [1, 2, 5] as const;
const [CHANNEL_CREATE, CHANNEL_RESPONSE, KEEPALIVE, CLOSE_CHANNEL] = [8, 9, 13, 16] as const;

describe('a correct PDU', () => {
  it.each([
    ['a keep-alive', pdu(KEEPALIVE)],
    ['a handshake', pdu(HANDSHAKE_REQUEST, '01 00', '0000', '0200')],
    ['a channel', pdu(CHANNEL_CREATE, '01 00', '3d0d', '0300', '0400 61000000')],
    ['an opened channel', pdu(CHANNEL_RESPONSE, '00000000', '0100', '0000', '01000000')],
    ['a normal end', pdu(CLOSE_CHANNEL, '00000000')],
  ])('has no notes: %s', (_, bytes) => {
    const { packet, notes } = checkPdu(bytes);
    expect(packet).toBeDefined();
    expect(notes).toEqual([]);
  });
});

describe('the layout', () => {
  it.each([
    ['an unknown type', pdu(0x7f, '00'), ['PDU_UNKNOWN_TYPE']],
    ['a PDU that ends within a field', pdu(HANDSHAKE_REQUEST, '01 00 00'), ['PDU_MALFORMED']],
    ['bytes after the last field', pdu(KEEPALIVE, '0102'), ['PDU_TRAILING']],
    // udpPort precedes authnCookie (2.2.10.5); the bits are in the other order.
    [
      'optional fields in the order of their bits',
      pdu(CHANNEL_RESPONSE, '00000000', '0700', '0000', '01000000', '0400 aabbccdd', '3d0d'),
      ['OPTIONAL_ORDER'],
    ],
  ])('notes %s', (_, bytes, codes) => {
    expect(codesOf(bytes)).toEqual(codes);
  });

  it('counts the trailing bytes', () => {
    expect(checkPdu(pdu(KEEPALIVE, '010203')).notes[0]?.text).toMatch(/3 bytes/);
  });
});

describe('the values', () => {
  it.each([
    ['a reserved field', pdu(CHANNEL_RESPONSE, '00000000', '0100', '0100', '01000000'), ['RESERVED_BITS']],
    ['a flag without a name', pdu(HANDSHAKE_REQUEST, '01 00', '0000', '0080'), ['UNKNOWN_FLAGS']],
    ['a refusal', pdu(CHANNEL_RESPONSE, 'da590780', '0000', '0000'), ['STATUS']],
    [
      'a refusal that clients take for success, since its top bit is clear',
      pdu(HANDSHAKE_RESPONSE, 'f8590000', '01 00', '0000', '0200'),
      ['STATUS', 'LOW_FORM_CODE'],
    ],
    ['the code with which a channel ends', pdu(CLOSE_CHANNEL, 'd4040000'), ['CLOSE_CODE']],
    [
      'a request for a statement of health',
      pdu(TUNNEL_RESPONSE, '0000', '00000000', '0400', '0000', '00'.repeat(16), '0400 61000000'),
      ['SOH_REQ'],
    ],
    ['an empty text', pdu(CHANNEL_CREATE, '01 00', '3d0d', '0300', '0000'), ['EMPTY_STRING']],
  ])('note %s', (_, bytes, codes) => {
    expect(codesOf(bytes)).toEqual(codes);
  });
});
