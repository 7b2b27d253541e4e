import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { checkHosts, defaultHosts, namesOf, preferredName } from '../../src/certs/names.js';
import { Fault } from '../../src/fault.js';

describe('checkHosts', () => {
  it('returns the canonical form, without duplicates', () => {
    expect(checkHosts(['NAS.Home.', 'nas.home', '[::1]', '0:0::1', '10.0.0.1', 'büro.example'])).toEqual([
      'nas.home',
      '::1',
      '10.0.0.1',
      'xn--bro-hoa.example',
    ]);
  });

  it.each([
    '*.example.com',
    '*',
    '',
    'a b',
    'nas:8443',
    'nas\nx',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}toolong`,
    '0.0.0.0',
    '::',
    '10.1',
    '-x',
    'https://nas',
    'x'.repeat(10_000),
  ])('rejects %j', (host) => {
    expect(() => checkHosts([host])).toThrow(expect.objectContaining({ code: 'HOST_INVALID', kind: 'usage' }));
  });

  it('rejects an empty list and too many hosts', () => {
    expect(() => checkHosts([])).toThrow(Fault);
    expect(() => checkHosts(Array.from({ length: 65 }, (_, index) => `h${index}`))).toThrow(/at most 64/);
  });
});

describe('defaultHosts', () => {
  it('starts with the name of the machine', () => {
    expect(defaultHosts('NAS')).toEqual(['nas', 'localhost', '127.0.0.1', '::1']);
    expect(defaultHosts('localhost')).toEqual(['localhost', '127.0.0.1', '::1']);
  });
  it('omits a machine name that is not a valid host name', () => {
    expect(defaultHosts("Bob's Laptop")).toEqual(['localhost', '127.0.0.1', '::1']);
  });
});

describe('namesOf', () => {
  it('reads a certificate of openssl', () => {
    const names = namesOf(new X509Certificate(FOREIGN));
    expect(names).toEqual({ dns: ['gw.example.com', '*.example.org'], addresses: ['10.0.0.7', '2001:db8::7'] });
    expect(preferredName(names)).toBe('gw.example.com');
  });
  it('reads a certificate of issueServer', async () => {
    const authority = await issueAuthority('x', 'ecdsa', Date.now());
    const hosts = ['localhost', 'nas', '127.0.0.1', '::1'];
    const { certificate } = await issueServer(authority, hosts, 'ecdsa', Date.now());
    expect(namesOf(new X509Certificate(certificate))).toEqual({
      dns: ['localhost', 'nas'],
      addresses: ['127.0.0.1', '::1'],
    });
  });
  it('does not split a name that looks like two entries', () => {
    const odd = { subjectAltName: 'DNS:"a, DNS:evil.example", DNS:b.example' } as X509Certificate;
    expect(namesOf(odd)).toEqual({ dns: ['b.example'], addresses: [] });
  });
});

describe('preferredName', () => {
  it.each([
    [['localhost', 'nas'], [], 'nas'],
    [['localhost'], ['127.0.0.1', '192.168.0.10'], '192.168.0.10'],
    [['localhost'], ['127.0.0.1', '::1'], 'localhost'],
    [['*.example.org'], ['10.0.0.7'], '10.0.0.7'],
    [[], ['::1'], '::1'],
    [['*.example.org'], [], undefined],
  ])('of %j and %j is %j', (dns, addresses, expected) => {
    expect(preferredName({ dns, addresses })).toBe(expected);
  });
});

// openssl req -x509 -newkey ec … -addext "subjectAltName=DNS:GW.example.com,email:x@example.com,DNS:*.example.org,
// URI:https://uri.example,IP:10.0.0.7,IP:2001:db8::7" (OpenSSL 3.0.19)
const FOREIGN = `-----BEGIN CERTIFICATE-----
MIIB8TCCAZegAwIBAgIUDewBJCYv+n69yAsKYJ92mxRN6rcwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPaWdub3JlZC5leGFtcGxlMB4XDTI2MTEyMzIzMTAxNVoXDTM2
MTEyMDIzMTAxNVowGjEYMBYGA1UEAwwPaWdub3JlZC5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEqL7OyVvOuY+cB3ppQHnJT0q/0WBpc1r6JMdfP5s1
DGvdzeGb2sOYAA/pffhCnLlZ1r4db292MHOx2IJQ3useRqOBujCBtzAdBgNVHQ4E
FgQUlr/T7vQdcR2yY9KAvpG5KmEF7sEwHwYDVR0jBBgwFoAUlr/T7vQdcR2yY9KA
vpG5KmEF7sEwDwYDVR0TAQH/BAUwAwEB/zBkBgNVHREEXTBbgg5HVy5leGFtcGxl
LmNvbYENeEBleGFtcGxlLmNvbYINKi5leGFtcGxlLm9yZ4YTaHR0cHM6Ly91cmku
ZXhhbXBsZYcECgAAB4cQIAENuAAAAAAAAAAAAAAABzAKBggqhkjOPQQDAgNIADBF
AiEAgzoxpO/8w+U1obRTWDTTkUIUQHla9ubRZk0W8TmbFcsCIFqDQejZOqCKhpsm
N72D+1uU8VqkCCJ2KZplo2ugmd5C
-----END CERTIFICATE-----
`;
