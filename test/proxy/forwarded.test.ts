import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORWARDED_MAX, type ForwardedField, forwardedClient, HOPS_MAX } from '../../src/proxy/forwarded.js';
import { trustedProxies } from '../../src/proxy/trusted.js';

const isTrusted = trustedProxies(['10.0.0.0/8', 'fd00::/8']);
const client = (field: ForwardedField, value: string | undefined): string | undefined =>
  forwardedClient(field, value, isTrusted);

describe('X-Forwarded-For names as the client', () => {
  it.each([
    ['the only hop', '203.0.113.9', '203.0.113.9'],
    ['the right-most hop, since a client may write the others', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['the right-most hop that is no trusted proxy', '198.51.100.1, 203.0.113.9, 10.1.2.3,10.0.0.1', '203.0.113.9'],
    ['an IPv6 address', '2001:DB8::0001', '2001:db8::1'],
    ['an IPv6 address with brackets and port', '[2001:db8::1]:4711', '2001:db8::1'],
    ['an IPv4 address with port', '203.0.113.9:4711', '203.0.113.9'],
    ['a mapped address as IPv4', '::ffff:203.0.113.9', '203.0.113.9'],
    ['the last hop that is not empty', ',203.0.113.9, ,', '203.0.113.9'],
  ])('%s', (_name, value, expected) => {
    expect(client('x-forwarded-for', value)).toBe(expected);
  });

  it.each([
    ['no field', undefined],
    ['an empty field', ''],
    ['trusted proxies only', '10.0.0.2, fd00::1'],
    ['a malformed hop at the right', '203.0.113.9, x'],
    ['a malformed hop behind trusted ones', '203.0.113.9, evil, 10.0.0.1'],
    ['empty hops only', ' , ,'],
    ['the word unknown', 'unknown'],
    ['a name', 'localhost'],
    ['an address in another notation', '0x7f.1'],
    ['a zone', 'fe80::1%eth0'],
    ['brackets around IPv4', '[203.0.113.9]'],
    ['a port that is too long', '203.0.113.9:123456'],
    ['a quoted address', '"203.0.113.9"'],
    ['a value beyond the limit', `203.0.113.9${' '.repeat(FORWARDED_MAX)}`],
  ])('nobody for %s', (_name, value) => {
    expect(client('x-forwarded-for', value)).toBeUndefined();
  });
});

describe('behind many trusted proxies', () => {
  const behind = (proxies: number, field: ForwardedField, prefix = ''): string | undefined =>
    client(field, [`${prefix}203.0.113.9`, ...Array.from({ length: proxies }, () => `${prefix}10.0.0.1`)].join(', '));

  it('the client is found, and nobody is behind more than proxies ever stand in a row', () => {
    expect(behind(HOPS_MAX - 1, 'x-forwarded-for')).toBe('203.0.113.9');
    expect(behind(HOPS_MAX, 'x-forwarded-for')).toBeUndefined();
    expect(behind(HOPS_MAX - 1, 'forwarded', 'for=')).toBe('203.0.113.9');
    expect(behind(HOPS_MAX, 'forwarded', 'for=')).toBeUndefined();
  });
});

describe('Forwarded names as the client', () => {
  /** The first five are the examples of RFC 7239 section 4 and 7.1. */
  it.each([
    ['a parameter in any letter case', 'For="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['the address beside other parameters', 'for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
    ['the right-most element', 'for=192.0.2.43, for=198.51.100.17', '198.51.100.17'],
    ['the hop behind a trusted one', 'for=192.0.2.43, for="[fd00::1]"', '192.0.2.43'],
    [
      'the right-most of several fields',
      'for=192.0.2.43,for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com',
      '198.51.100.17',
    ],
    ['a quoted address with port', 'for="192.0.2.43:47011"', '192.0.2.43'],
    ['a quoted comma elsewhere', 'for=192.0.2.43;host="a,b;c"', '192.0.2.43'],
    ['the last element that is not empty', ', for=192.0.2.43 ,,', '192.0.2.43'],
    ['an escaped character', 'for="192.0.2.4\\3"', '192.0.2.43'],
  ])('%s', (_name, value, expected) => {
    expect(client('forwarded', value)).toBe(expected);
  });

  it.each([
    ['no field', undefined],
    ['an empty field', ''],
    ['unknown', 'for=192.0.2.43, for=unknown'],
    ['an obfuscated node', 'for=_gazonk'],
    ['an element without for', 'for=192.0.2.43, by=10.0.0.1'],
    ['IPv6 without quotes', 'for=[2001:db8::1]'],
    ['a missing quote', 'for="192.0.2.43'],
    ['the parameter twice', 'for=192.0.2.43;for=192.0.2.44'],
    ['empty elements only', ' , ,'],
    ['a parameter without an element', 'for=192.0.2.43;'],
    ['a value without a name', '192.0.2.43'],
    ['text after a quoted value', 'for="192.0.2.43"x'],
    ['white space around the equals sign', 'for = 192.0.2.43'],
    ['the form of X-Forwarded-For', '192.0.2.43, 198.51.100.17'],
  ])('nobody for %s', (_name, value) => {
    expect(client('forwarded', value)).toBeUndefined();
  });
});

describe('forwarded fields of any content', () => {
  it('name an untrusted address or nobody', () => {
    const piece = fc.constantFrom(
      'for=',
      '203.0.113.9',
      '10.0.0.1',
      ',',
      ';',
      '"',
      '\\',
      ' ',
      '[::1]',
      ':80',
      'by=x',
      '_',
    );
    const value = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(fc.constantFrom<ForwardedField>('x-forwarded-for', 'forwarded'), value, (field, text) => {
        const named = client(field, text);
        if (named !== undefined) expect(isTrusted(named)).toBe(false);
      }),
    );
  });

  it('change nothing when a client writes hops in front of those of its proxy', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (forged) => {
        expect(client('x-forwarded-for', `${forged}, 203.0.113.9`)).toBe('203.0.113.9');
      }),
    );
  });
});

describe('trusted proxies', () => {
  it('are addresses and blocks of both families', () => {
    const trusted = trustedProxies(['192.0.2.1', '::ffff:198.51.100.0/120', 'fd00::/8', '0.0.0.0/32']);
    const known = ['192.0.2.1', '198.51.100.77', 'fdff::1', '0.0.0.0'];
    const others = ['192.0.2.2', '198.51.101.1', 'fe00::1', '::', '0.0.0.1'];
    expect([known.filter(trusted), others.filter(trusted)]).toEqual([known, []]);
  });

  it('are nobody when the list is empty', () => {
    expect(['127.0.0.1', '::1', '10.0.0.1'].filter(trustedProxies([]))).toEqual([]);
  });
});
