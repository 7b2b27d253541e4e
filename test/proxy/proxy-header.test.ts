import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader, V2_MAX } from '../../src/proxy/proxy-header.js';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const v2 = (hex: string): Buffer => Buffer.from(SIGNATURE + hex.replaceAll(' ', ''), 'hex');

/** The first three are the examples of doc/proxy-protocol.txt 2.1. */
const VALID: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['TCP4', bytes('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'), '255.255.255.255'],
  [
    'TCP6',
    bytes(
      'PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'.replaceAll('f...f', 'ffff:ffff:ffff:ffff:ffff:ffff'),
    ),
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ],
  ['UNKNOWN', bytes('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN with anything', bytes('PROXY UNKNOWN ffff:: x y z\r\n'), undefined],
  ['TCP6 with a mapped address', bytes('PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n'), '203.0.113.9'],
  ['port 0', bytes('PROXY TCP4 203.0.113.9 192.0.2.1 0 443\r\n'), '203.0.113.9'],
  ['version 2, IPv4', v2('21 11 000c cb007109 c0000201 c350 01bb'), '203.0.113.9'],
  ['version 2, IPv6', v2(`21 21 0024 20010db8000000000000000000000001 ${'0'.repeat(32)} c350 01bb`), '2001:db8::1'],
  ['version 2 with type-length values', v2('21 11 0013 cb007109 c0000201 c350 01bb 04 0004 00000000'), '203.0.113.9'],
  ['version 2, LOCAL', v2('20 00 0000'), undefined],
  ['version 2, LOCAL with addresses', v2('20 11 000c cb007109 c0000201 c350 01bb'), undefined],
  ['version 2, UNSPEC', v2('21 00 0003 000000'), undefined],
  ['version 2, Unix socket', v2(`21 31 00d8 ${'61'.repeat(216)}`), undefined],
];

const INVALID: readonly (readonly [string, Buffer, string])[] = [
  ['TLS', Buffer.from('160301', 'hex'), 'PROXY_MISSING'],
  ['HTTP', bytes('GET / HTTP/1.1\r\n'), 'PROXY_MISSING'],
  ['one wrong byte', bytes('PRX'), 'PROXY_MISSING'],
  ['a wrong signature', Buffer.from('0d0a0d0a000d0a515549540b', 'hex'), 'PROXY_MISSING'],
  ['lower case', bytes('proxy TCP4 '), 'PROXY_MISSING'],
  ['no family', bytes('PROXY \r\n'), 'PROXY_V1'],
  ['an unknown family', bytes('PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n'), 'PROXY_V1'],
  ['IPv6 as TCP4', bytes('PROXY TCP4 ::1 ::1 1 2\r\n'), 'PROXY_V1'],
  ['IPv4 as TCP6', bytes('PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n'), 'PROXY_V1'],
  ['a name', bytes('PROXY TCP4 localhost 1.2.3.4 1 2\r\n'), 'PROXY_V1'],
  ['octal digits', bytes('PROXY TCP4 010.0.0.1 1.2.3.4 1 2\r\n'), 'PROXY_V1'],
  ['two spaces', bytes('PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'), 'PROXY_V1'],
  ['a port beyond 65535', bytes('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'), 'PROXY_V1'],
  ['one port', bytes('PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'), 'PROXY_V1'],
  ['a fifth field', bytes('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n'), 'PROXY_V1'],
  ['a line without an end', bytes(`PROXY UNKNOWN ${'x'.repeat(93)}`), 'PROXY_TOO_LONG'],
  ['version 1 in binary', v2('11 11 000c cb007109 c0000201 c350 01bb'), 'PROXY_V2'],
  ['command 2', v2('22 11 000c cb007109 c0000201 c350 01bb'), 'PROXY_V2'],
  ['UDP', v2('21 12 000c cb007109 c0000201 c350 01bb'), 'PROXY_V2'],
  ['an unknown family in binary', v2('21 41 000c cb007109 c0000201 c350 01bb'), 'PROXY_V2'],
  ['too short for its addresses', v2('21 11 000b cb007109 c0000201 c350 01'), 'PROXY_V2'],
  ['longer than the limit', v2('21 11 ffff'), 'PROXY_TOO_LONG'],
];

describe('a PROXY header', () => {
  it.each(VALID)('names the client: %s', (_name, header, source) => {
    expect(parseProxyHeader(header)).toEqual({ source, length: header.length });
  });

  it.each(VALID)('is read in any split, and bytes after it are left: %s', (_name, header, source) => {
    for (let end = 0; end < header.length; end++) expect(parseProxyHeader(header.subarray(0, end))).toBeUndefined();
    const followed = Buffer.concat([header, Buffer.from('16030100', 'hex')]);
    expect(parseProxyHeader(followed)).toEqual({ source, length: header.length });
  });

  it.each(INVALID)('is refused: %s', (_name, header, code) => {
    expect(() => parseProxyHeader(header)).toThrow(expect.objectContaining({ name: 'ProxyHeaderError', code }));
  });

  it('has a length limit in version 2, which is the largest that is read', () => {
    const rest = V2_MAX - 16 - 12;
    const largest = Buffer.concat([
      v2(`21 11 ${(V2_MAX - 16).toString(16).padStart(4, '0')}`),
      bytes('x'.repeat(12 + rest)),
    ]);
    expect(parseProxyHeader(largest)).toMatchObject({ length: V2_MAX });
  });

  it('never throws anything but a ProxyHeaderError, whatever the bytes', () => {
    const start = fc.constantFrom(
      Buffer.alloc(0),
      bytes('PROXY '),
      bytes('PROXY TCP4 '),
      v2(''),
      v2('21'),
      v2('2111000c'),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        const input = Buffer.concat([head, tail]);
        try {
          const header = parseProxyHeader(input);
          if (header !== undefined) expect(header.length).toBeLessThanOrEqual(input.length);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ProxyHeaderError' });
        }
      }),
    );
  });
});
