import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress } from '../../src/policy/address.js';
import { formatTarget, normalizeHost, parseTarget } from '../../src/policy/target.js';

describe('parseTarget', () => {
  it.each([
    ['192.168.0.101', '192.168.0.101:3389'],
    ['192.168.0.101:33891', '192.168.0.101:33891'],
    ['Desk.Corp.Example', 'desk.corp.example:3389'],
    ['desk.corp.example.:3390', 'desk.corp.example:3390'],
    ['WIN_BOX-1', 'win_box-1:3389'],
    ['[FD00:0:0::1]', '[fd00::1]:3389'],
    ['[fd00::1]:3390', '[fd00::1]:3390'],
    ['[::ffff:10.0.0.1]:3389', '10.0.0.1:3389'],
    ['[::FFFF:7f00:1]', '127.0.0.1:3389'],
    // Known pairs of UTS #46.
    ['bücher.example', 'xn--bcher-kva.example:3389'],
    ['faß.de', 'xn--fa-hia.de:3389'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example:3389'],
    ['desk。example', 'desk.example:3389'],
    ['3com.example', '3com.example:3389'],
    ['1.2.3.4.example', '1.2.3.4.example:3389'],
  ])('reads %s as %s', (text, expected) => {
    expect(formatTarget(parseTarget(text))).toBe(expected);
  });

  it('uses the default port it is given', () => {
    expect(parseTarget('desk', 8443)).toEqual({ host: 'desk', port: 8443 });
  });

  // getaddrinfo of glibc and the WHATWG URL parser read each of these as 127.0.0.1, 10.0.0.1 or 169.254.169.254.
  it.each([
    '10.1',
    '127.1',
    '127.0.1',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '127.0.0.01',
    '127.0.0.0x1',
    '0xA9FEA9FE',
    '169.254.43518',
    '127.0.0.1.0',
    '1.2.3.256',
    '127.0.0.1..',
    '127.1.',
    'evil.0x7f',
    'evil.1',
    '１２７.0.0.1',
    '１２７.１',
    '①②⑦.0.0.1',
    '[::ffff:0x7f.0.0.1]',
    '[::ffff:127.1]',
  ])('rejects the address notation %s', (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ kind: 'input', code: 'TARGET_INVALID' }));
  });

  it.each([
    '',
    ':3389',
    'desk:',
    'desk:0',
    'desk:65536',
    'desk:03389',
    'desk:+1',
    'desk:3389:1',
    'desk :3389',
    ' desk',
    'desk\n',
    'desk\u0000',
    'de\u00adsk',
    'a..b',
    '.desk',
    '-desk',
    'desk-.example',
    'user@desk',
    'desk/path',
    'desk?x',
    'ex%61mple',
    'xn--zzzzzz99',
    'xn--a',
    'desk.xn--',
    'fd00::1',
    '::1',
    '[desk]:3389',
    '[10.0.0.1]',
    '[fd00::1',
    '[fe80::1%eth0]',
    '[]',
    `${'a'.repeat(64)}.example`,
    `${'abcdefg.'.repeat(32)}example`,
  ])('rejects %j', (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'TARGET_INVALID' }));
  });

  it('hints at the form of an IPv6 address', () => {
    expect(() => parseTarget('fd00::1')).toThrow(
      expect.objectContaining({ hint: 'write an IPv6 address in brackets: [fd00::1]:3389' }),
    );
  });

  it('parses its canonical form to the same target, and throws nothing but TARGET_INVALID', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webAuthority(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        let target: ReturnType<typeof parseTarget>;
        try {
          target = parseTarget(text);
        } catch (cause) {
          expect(cause).toHaveProperty('code', 'TARGET_INVALID');
          return;
        }
        expect(parseTarget(formatTarget(target))).toEqual(target);
        expect(target.host).toMatch(/^[a-z0-9_.:-]{1,253}$/);
      }),
    );
  });
});

describe('normalizeHost', () => {
  it('accepts an IPv6 address without brackets, as in a channel request', () => {
    expect(normalizeHost('FE80::0:1')).toBe('fe80::1');
  });

  it('accepts 253 characters and not 254', () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    expect(normalizeHost(`${name}.`)).toBe(name);
    expect(() => normalizeHost(`${name}d`)).toThrow();
  });
});

describe('canonicalAddress', () => {
  // RFC 5952 section 4.
  it.each([
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8::AAAA', '2001:db8::aaaa'],
    ['0:0:0:0:0:0:0:0', '::'],
  ])('writes %s as %s', (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected);
  });

  it.each(['desk', '', '1.2.3', '1.2.3.4.5', '1::2::3', 'fe80::1%1', '12345::'])('returns undefined for %j', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });
});
