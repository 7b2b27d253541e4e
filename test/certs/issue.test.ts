import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issued, issueAuthority, issueServer, type KeyType } from '../../src/certs/issue.js';

// The reference is OpenSSL: what it accepts with -x509_strict, clients accept.
function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const HOSTS = ['nas.home.example', 'localhost', '192.168.0.10', '127.0.0.1', '::1', 'fd00::1'];
const NOW = Date.now();

describe.each<KeyType>(['ecdsa', 'rsa'])('a CA and a server certificate, %s', (keyType) => {
  let folder = '';
  let authority: Issued;
  let server: Issued;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rdgw-issue-'));
    authority = await issueAuthority('nas.home.example', keyType, NOW);
    server = await issueServer(authority, HOSTS, keyType, NOW);
    writeFileSync(join(folder, 'ca.pem'), authority.certificate);
    writeFileSync(join(folder, 'ca.key'), authority.key);
    writeFileSync(join(folder, 'server.pem'), server.certificate + authority.certificate);
    writeFileSync(join(folder, 'server.key'), server.key);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const at = (name: string): string => join(folder, name);
  const verify = (...args: string[]): string =>
    openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', at('ca.pem'), ...args, at('server.pem'));
  const extension = (file: string, name: string): string =>
    openssl('x509', '-in', at(file), '-noout', '-ext', name)
      .split('\n')
      .map((line) => line.trim())
      .join('\n')
      .trim();

  it('verifies strictly', () => {
    expect(verify()).toContain('OK');
    expect(openssl('verify', '-x509_strict', '-CAfile', at('ca.pem'), at('ca.pem'))).toContain('OK');
  });

  it.each(['nas.home.example', 'localhost'])('is for the name %s', (name) => {
    expect(verify('-verify_hostname', name)).toContain('OK');
  });

  it.each(['192.168.0.10', '127.0.0.1', '::1', 'fd00::1'])('is for the address %s', (address) => {
    expect(verify('-verify_ip', address)).toContain('OK');
  });

  it('has its IPv4 addresses as DNS names too, for FreeRDP', () => {
    expect(extension('server.pem', 'subjectAltName')).toMatch(/IP Address:192\.168\.0\.10, DNS:192\.168\.0\.10\b/);
  });

  it('is not valid for other hosts', () => {
    expect(() => verify('-verify_hostname', 'other.example')).toThrow(/hostname mismatch/i);
    expect(() => verify('-verify_ip', '192.168.0.11')).toThrow(/IP address mismatch/i);
  });

  it('has the extensions for key usage', () => {
    expect(extension('ca.pem', 'basicConstraints')).toBe('X509v3 Basic Constraints: critical\nCA:TRUE, pathlen:0');
    expect(extension('ca.pem', 'keyUsage')).toBe('X509v3 Key Usage: critical\nCertificate Sign, CRL Sign');
    expect(extension('server.pem', 'basicConstraints')).toBe('X509v3 Basic Constraints: critical\nCA:FALSE');
    expect(extension('server.pem', 'extendedKeyUsage')).toBe(
      'X509v3 Extended Key Usage:\nTLS Web Server Authentication',
    );
    expect(extension('server.pem', 'keyUsage')).toBe(
      `X509v3 Key Usage: critical\nDigital Signature${keyType === 'rsa' ? ', Key Encipherment' : ''}`,
    );
    expect(extension('server.pem', 'authorityKeyIdentifier').split('\n')[1]).toBe(
      extension('ca.pem', 'subjectKeyIdentifier').split('\n')[1],
    );
  });

  it('is valid from an hour ago for at most 397 days, and its CA for about ten years', () => {
    const days = (file: string): number => {
      const [from, to] = openssl('x509', '-in', at(file), '-noout', '-dates', '-dateopt', 'iso_8601')
        .trim()
        .split('\n')
        .map((line) => Date.parse(line.replace(/^not\w+=/, '').replace(' ', 'T')));
      expect(from).toBe(Math.floor((NOW - 3_600_000) / 1000) * 1000);
      return ((to ?? 0) - (from ?? 0) + 1000) / 86_400_000;
    };
    expect(days('server.pem')).toBeLessThan(397);
    expect(days('server.pem')).toBeGreaterThan(390);
    expect(days('ca.pem')).toBeCloseTo(3650, 0);
  });

  it('matches its key, which has the requested type', () => {
    expect(openssl('pkey', '-in', at('server.key'), '-pubout')).toBe(
      openssl('x509', '-in', at('server.pem'), '-noout', '-pubkey'),
    );
    expect(openssl('pkey', '-in', at('server.key'), '-noout', '-text')).toMatch(
      keyType === 'rsa' ? /Private-Key: \(2048 bit/ : /ASN1 OID: prime256v1/,
    );
  });
});

describe('serial numbers and names', () => {
  it('differ between two CAs of one host, and are positive', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rdgw-serial-'));
    const seen = new Set<string>();
    for (const name of ['a.pem', 'b.pem']) {
      writeFileSync(join(folder, name), (await issueAuthority('nas', 'ecdsa', NOW)).certificate);
      const text = openssl('x509', '-in', join(folder, name), '-noout', '-serial', '-subject');
      expect(text).toMatch(/^serial=[4-7][0-9A-F]{31}\nsubject=CN = rdgw CA [0-9a-f]{6} nas\n$/);
      seen.add(text);
    }
    rmSync(folder, { recursive: true });
    expect(seen.size).toBe(2);
  });

  it('accepts host names that are too long for a common name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rdgw-long-'));
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
    const authority = await issueAuthority(long, 'ecdsa', NOW);
    const server = await issueServer(authority, [long], 'ecdsa', NOW);
    writeFileSync(join(folder, 'ca.pem'), authority.certificate);
    writeFileSync(join(folder, 'server.pem'), server.certificate);
    const args = [
      '-x509_strict',
      '-CAfile',
      join(folder, 'ca.pem'),
      '-verify_hostname',
      long,
      join(folder, 'server.pem'),
    ];
    expect(openssl('verify', ...args)).toContain('OK');
    rmSync(folder, { recursive: true });
  });
});
