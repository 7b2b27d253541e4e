/**
 * All packet tables: round trips of arbitrary values, and errors. `vectors.test.ts` covers bytes of other
 * implementations.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHANNEL_CREATE,
  CHANNEL_RESPONSE,
  CLOSE_CHANNEL,
  decode,
  HANDSHAKE_REQUEST,
  MAX_ALT_RESOURCES,
  MAX_CLIENT_NAME_BYTES,
  MAX_RESOURCES,
  PduError,
  PKT_TYPE,
  packetName,
  packetOf,
  REAUTH_MESSAGE,
  SERVICE_MESSAGE,
  TUNNEL_AUTH,
  TUNNEL_RESPONSE,
} from '../../src/protocol/index.js';
import { fieldsOf, TABLES, tableOf, withHeader } from '../support/arbitrary.js';
import { plain } from './vectors.js';

describe('encode and decode', () => {
  it.each(TABLES)('are inverse for %s', (_, packet) => {
    fc.assert(
      fc.property(fieldsOf(packet), (fields) => {
        const pdu = packet.encode(fields);
        const decoded = decode(pdu);
        expect(decoded.type).toBe(packet.type);
        const given = Object.keys(fields).filter((name) => (fields as Record<string, unknown>)[name] !== undefined);
        const kept = Object.fromEntries(given.map((name) => [name, decoded.fields[name as never]]));
        expect(plain(kept)).toEqual(plain(fields));
        // Only derived fields are decoded in addition to the given ones.
        const more = Object.keys(decoded.fields).filter((name) => !given.includes(name));
        expect(more.filter((name) => packet.rows[name]?.role !== 'derived')).toEqual([]);
        // This fails if a derived value disagrees with the body.
        expect(
          tableOf(decoded.type)
            .encode(decoded.fields as never)
            .equals(pdu),
        ).toBe(true);
      }),
    );
  });

  it('support fifteen packet types, with the structure and section of the specification', () => {
    expect(TABLES).toHaveLength(15);
    expect(new Set(TABLES.map(([, packet]) => packet.type)).size).toBe(15);
    for (const [name, packet] of TABLES) {
      expect(packet.type).toBe(PKT_TYPE[name as keyof typeof PKT_TYPE]);
      expect(packetOf(packet.type)).toBe(packet);
      expect(packet.structure).toMatch(/^HTTP_[A-Z_]+$/);
      expect(packet.section).toMatch(/^2\.2\.10\.\d+$/);
    }
  });

  it('name unassigned types by their number', () => {
    expect(packetName(0x0e)).toBe('PKT_TYPE_0x0e');
    expect(packetName(0x0a)).toBe('PKT_TYPE_DATA');
    expect(packetOf(0x0f)).toBeUndefined();
  });
});

describe('decode is tolerant: it', () => {
  it('ignores reserved bits', () => {
    const pdu = TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: 0, tunnelId: 6 });
    const noisy = Buffer.from(pdu);
    noisy.writeUInt16LE(0xffff, 2);
    noisy.writeUInt16LE(0xffff, 16);
    expect(decode(noisy)).toEqual(decode(pdu));
  });

  it('ignores unknown bytes at the end', () => {
    const pdu = HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 2 });
    expect(decode(withHeader(pdu.readUInt16LE(0), Buffer.concat([pdu.subarray(8), Buffer.from('later')])))).toEqual(
      decode(pdu),
    );
  });

  it('keeps unknown flags and values', () => {
    const pdu = Buffer.from('040000001000000040000080f0ff0000', 'hex');
    expect(decode(pdu).fields).toEqual({ capsFlags: 0x80000040, fieldsPresent: 0xfff0 });
  });

  it('accepts a text with no terminator, one, or several', () => {
    for (const end of ['', '\0', '\0\0\0']) {
      const text = Buffer.from(`Test${end}`, 'utf16le');
      const length = Buffer.from([text.length, 0]);
      expect(decode(withHeader(PKT_TYPE.SERVICE_MESSAGE, Buffer.concat([length, text]))).fields).toEqual({
        message: 'Test',
      });
    }
  });
});

describe('decode is strict about structure', () => {
  const cases: readonly [string, string, Partial<PduError>][] = [
    ['empty input', '', { code: 'PDU_SHORT', field: 'packetType', offset: 0 }],
    ['half a header', '0d00000008', { code: 'PDU_SHORT', field: 'packetLength', offset: 4 }],
    ['a length above the bytes', '0d00000009000000', { code: 'PDU_LENGTH', field: 'packetLength', offset: 4 }],
    ['a length below the bytes', '0d0000000800000000', { code: 'PDU_LENGTH', field: 'packetLength', offset: 4 }],
    ['an unassigned type', '0e00000008000000', { code: 'PDU_TYPE', field: 'packetType', offset: 0 }],
    ['a type in the high byte', '0d01000008000000', { code: 'PDU_TYPE', field: 'packetType', offset: 0 }],
    ['a truncated field', '100000000b000000000000', { code: 'PDU_SHORT', field: 'statusCode', offset: 8 }],
    ['a truncated blob', '0a0000000c00000003006869', { code: 'PDU_SHORT', field: 'data', offset: 10 }],
    // The flag indicates a 64-bit context, but only four bytes follow: a client would send this if it meant the cookie.
    [
      'a truncated context',
      '04000000140000000d0000000200000001020304',
      { code: 'PDU_SHORT', field: 'reauthTunnelContext', offset: 16 },
    ],
    ['a text of odd length', '0b0000000d0000000300410042', { code: 'PDU_STRING', field: 'message', offset: 10 }],
    ['a NUL inside a text', '0b000000100000000600410000004200', { code: 'PDU_STRING', field: 'message', offset: 10 }],
    ['half a surrogate pair', '0b0000000c000000020034d8', { code: 'PDU_STRING', field: 'message', offset: 10 }],
    ['no resource', '080000000e00000000003d0d0300', { code: 'PDU_COUNT', field: 'resources', offset: 14 }],
    [
      'too many resources',
      `080000000e000000${(MAX_RESOURCES + 1).toString(16)}003d0d0300`,
      { code: 'PDU_COUNT', field: 'resources', offset: 14 },
    ],
    [
      'too many alternates',
      `08000000140000000104${'3d0d0300'}040068000000`,
      { code: 'PDU_COUNT', field: 'altResources', offset: 20 },
    ],
    // The count of the second string is missing.
    ['a truncated list', '080000001400000002003d0d0300040068000000', { code: 'PDU_SHORT', field: 'cbLen', offset: 20 }],
  ];

  it.each(cases)('%s', (_, hex, error) => {
    expect(errorOf(() => decode(Buffer.from(hex, 'hex')))).toMatchObject(error);
  });

  it('a client name above MAX_CLIENT_NAME_BYTES', () => {
    const bytes = MAX_CLIENT_NAME_BYTES + 1;
    const body = Buffer.concat([Buffer.from([0, 0, bytes & 0xff, bytes >> 8]), Buffer.alloc(bytes, 'x\0')]);
    expect(errorOf(() => decode(withHeader(PKT_TYPE.TUNNEL_AUTH, body)))).toMatchObject({
      code: 'PDU_VALUE',
      field: 'clientName',
      offset: 12,
    });
  });
});

describe('encode rejects', () => {
  const close = (statusCode: number) => () => CLOSE_CHANNEL.encode({ statusCode });
  const create = (resources: readonly string[], altResources: readonly string[] = []) => {
    return () => CHANNEL_CREATE.encode({ port: 3389, protocol: 3, resources, altResources });
  };
  const cases: readonly [string, () => Buffer, Partial<PduError>][] = [
    ['a number above 32 bits', close(2 ** 32), { code: 'PDU_VALUE', field: 'statusCode' }],
    ['a negative number', close(-1), { code: 'PDU_VALUE', field: 'statusCode' }],
    ['a fraction', close(0.5), { code: 'PDU_VALUE', field: 'statusCode' }],
    ['NaN', close(Number.NaN), { code: 'PDU_VALUE', field: 'statusCode' }],
    [
      'a number above 64 bits',
      () => REAUTH_MESSAGE.encode({ reauthTunnelContext: 2n ** 64n }),
      { code: 'PDU_VALUE', field: 'reauthTunnelContext' },
    ],
    ['no resource', create([]), { code: 'PDU_COUNT', field: 'resources' }],
    ['51 resources', create(Array(MAX_RESOURCES + 1).fill('h')), { code: 'PDU_COUNT', field: 'resources' }],
    [
      'four alternates',
      create(['h'], Array(MAX_ALT_RESOURCES + 1).fill('h')),
      { code: 'PDU_COUNT', field: 'altResources' },
    ],
    ['a NUL in a name', create(['a\0b']), { code: 'PDU_STRING', field: 'resources' }],
    ['half a surrogate pair', create(['\ud834']), { code: 'PDU_STRING', field: 'resources' }],
    [
      'a client name that is too long',
      () => TUNNEL_AUTH.encode({ clientName: 'x'.repeat(256) }),
      { field: 'clientName' },
    ],
    ['a text that is too long', () => SERVICE_MESSAGE.encode({ message: 'x'.repeat(32767) }), { field: 'message' }],
    [
      'a blob that is too long',
      () => CHANNEL_RESPONSE.encode({ errorCode: 0, authnCookie: Buffer.alloc(65536) }),
      { field: 'authnCookie' },
    ],
    [
      'a nonce without its certificate',
      () => TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: 0, nonce: Buffer.alloc(16) }),
      { code: 'PDU_VALUE', field: 'serverCert' },
    ],
    [
      'a nonce of another length',
      () => TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: 0, nonce: Buffer.alloc(20), serverCert: '' }),
      { code: 'PDU_VALUE', field: 'nonce' },
    ],
  ];

  it.each(cases)('%s', (_, encode, error) => {
    expect(errorOf(encode)).toMatchObject(error);
  });

  it('no empty text, and writes it as one NUL, because FreeRDP refuses a string of zero bytes', () => {
    expect(SERVICE_MESSAGE.encode({ message: '' }).toString('hex')).toBe('0b0000000c00000002000000');
  });
});

function errorOf(run: () => unknown): PduError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(PduError);
    return error as PduError;
  }
  throw new Error('nothing was thrown');
}
