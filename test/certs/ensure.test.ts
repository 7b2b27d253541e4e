import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EnsureOptions, ensureCertificates } from '../../src/certs/ensure.js';
import { ensureTokenKey, loadTokenKey } from '../../src/certs/token-key.js';

const FILES = ['ca.key', 'ca.pem', 'server.key', 'server.pem', 'token.key'];
const DAY = 86_400_000;

let root = '';
let folder = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rdgw-ensure-'));
  folder = join(root, 'deep', 'data');
});
afterEach(() => rmSync(root, { recursive: true }));

const ensure = (options: EnsureOptions = {}) => ensureCertificates(folder, { hostname: 'nas', ...options });
const contents = () => Object.fromEntries(FILES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
const mode = (path: string): number => statSync(path).mode & 0o777;
const code = (expected: string) => expect.objectContaining({ code: expected, kind: 'configuration' });

describe('ensureCertificates in an empty folder', () => {
  it('creates all files with private modes, and nothing else', async () => {
    const before = process.umask(0o277);
    const made = await ensure().finally(() => process.umask(before));
    expect(made.made).toEqual(['ca', 'server', 'tokenKey']);
    expect(made.names).toEqual(['nas', 'localhost', '127.0.0.1', '::1']);
    expect(made.caReplaced).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(FILES);
    expect(mode(folder)).toBe(0o700);
    for (const name of FILES) expect(mode(join(folder, name))).toBe(0o600);
    const fingerprint = execFileSync('openssl', ['x509', '-in', made.files.ca, '-noout', '-sha256', '-fingerprint']);
    expect(fingerprint.toString().toLowerCase()).toContain(made.ca.fingerprint.toLowerCase());
    expect(readFileSync(made.files.server, 'utf8')).toContain(readFileSync(made.files.ca, 'utf8'));
    expect(await loadTokenKey(folder)).toHaveLength(32);
  });

  it('creates one set if two calls run at the same time', async () => {
    const both = await Promise.all([ensure(), ensure()]);
    expect(both.flatMap(({ made }) => made).sort()).toEqual(['ca', 'server', 'tokenKey']);
    expect(both[0].server.fingerprint).toBe(both[1].server.fingerprint);
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', join(folder, 'ca.pem'), join(folder, 'server.pem')]);
  });

  it('keeps an existing token key', async () => {
    const { key } = await ensureTokenKey(folder);
    expect((await ensure()).made).toEqual(['ca', 'server']);
    expect(await loadTokenKey(folder)).toEqual(new Uint8Array(key));
  });
});

describe('ensureCertificates with an existing set', () => {
  it('keeps the files, and removes access of other users', async () => {
    await ensure();
    const before = contents();
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'server.key'), 0o644);
    expect((await ensure()).made).toEqual([]);
    expect((await ensure({ hosts: ['::1', 'NAS', '127.0.0.1', 'localhost'] })).made).toEqual([]);
    expect(contents()).toEqual(before);
    expect(mode(folder)).toBe(0o700);
    expect(mode(join(folder, 'server.key'))).toBe(0o600);
  });

  it('accepts a set without the CA key', async () => {
    await ensure();
    rmSync(join(folder, 'ca.key'));
    expect((await ensure()).made).toEqual([]);
  });

  it('creates a missing token key', async () => {
    await ensure();
    rmSync(join(folder, 'token.key'));
    expect((await ensure()).made).toEqual(['tokenKey']);
  });

  it('creates a new token key on request, and nothing else', async () => {
    await ensure();
    const before = contents();
    writeFileSync(join(folder, 'token.key'), 'damaged!');
    await expect(ensure()).rejects.toThrow(expect.objectContaining({ code: 'TOKEN_KEY_INVALID' }));
    expect((await ensure({ newTokenKey: true })).made).toEqual(['tokenKey']);
    expect({ ...contents(), 'token.key': '' }).toEqual({ ...before, 'token.key': '' });
    expect(contents()['token.key']).not.toBe(before['token.key']);
  });

  it('rejects other hosts or another key type, and with force issues a new certificate from the same CA', async () => {
    await ensure();
    const before = contents();
    await expect(ensure({ hosts: ['other'] })).rejects.toThrow(code('CERTS_DIFFER'));
    await expect(ensure({ keyType: 'rsa' })).rejects.toThrow(code('CERTS_DIFFER'));
    expect(contents()).toEqual(before);
    const forced = await ensure({ hosts: ['other', '10.0.0.9'], keyType: 'rsa', force: true });
    expect(forced).toMatchObject({ made: ['server'], caReplaced: false, names: ['other', '10.0.0.9'] });
    const after = contents();
    for (const name of ['ca.pem', 'ca.key', 'token.key']) expect(after[name]).toBe(before[name]);
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', join(folder, 'ca.pem'), join(folder, 'server.pem')]);
  });

  it('keeps the names if only force is given', async () => {
    await ensure({ hosts: ['first.example'] });
    expect((await ensure({ force: true })).names).toEqual(['first.example']);
  });

  it('rejects expired certificates, and replaces them with force', async () => {
    await ensure();
    const later = Date.now() + 397 * DAY;
    await expect(ensure({ now: later })).rejects.toThrow(code('CERTS_EXPIRED'));
    expect(await ensure({ now: later, force: true })).toMatchObject({ made: ['server'], caReplaced: false });
    const decade = Date.now() + 3600 * DAY;
    expect(await ensure({ now: decade, force: true })).toMatchObject({ made: ['ca', 'server'], caReplaced: true });
    expect((await ensure({ now: decade })).made).toEqual([]);
    await expect(ensure({ now: Date.now() - 2 * DAY })).rejects.toThrow(code('CERTS_NOT_YET'));
  });

  it.each(['ca.pem', 'server.pem', 'server.key'])('reports that %s is missing', async (name) => {
    await ensure();
    rmSync(join(folder, name));
    const before = readdirSync(folder).sort();
    await expect(ensure()).rejects.toThrow(
      expect.objectContaining({ code: 'CERTS_INCOMPLETE', place: join(folder, name) }),
    );
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it.each(['ca.pem', 'ca.key', 'server.pem', 'server.key'])('reports that %s is damaged', async (name) => {
    await ensure();
    writeFileSync(join(folder, name), 'not PEM at all');
    await expect(ensure()).rejects.toThrow(
      expect.objectContaining({ code: 'CERTS_DAMAGED', place: join(folder, name) }),
    );
    const forced = await ensure({ force: true });
    expect(forced.caReplaced).toBe(name.startsWith('ca'));
    expect((await ensure()).made).toEqual([]);
  });

  it('reports a key that does not match the certificate, and a certificate of another CA', async () => {
    await ensure();
    const [key, certificate] = ['server.key', 'ca.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
    await ensureCertificates(join(root, 'other'), { hostname: 'nas' });
    writeFileSync(join(root, 'other', 'server.key'), key ?? '');
    await expect(ensureCertificates(join(root, 'other'))).rejects.toThrow(code('CERTS_MISMATCH'));
    await ensureCertificates(join(root, 'other'), { force: true });
    writeFileSync(join(root, 'other', 'ca.pem'), certificate ?? '');
    await expect(ensureCertificates(join(root, 'other'))).rejects.toThrow(code('CERTS_MISMATCH'));
  });
});

describe('the data folder', () => {
  it('keeps its mode if it has other files, and the keys in it are private anyway', async () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'letter.txt'), '');
    await ensure();
    expect(mode(folder)).toBe(0o755);
    expect(mode(join(folder, 'ca.key'))).toBe(0o600);
  });

  it('is rejected if the path is a file', async () => {
    writeFileSync(join(root, 'deep'), '');
    await expect(ensure()).rejects.toThrow(code('DATA_FOLDER'));
    await expect(ensureCertificates(join(root, 'deep'))).rejects.toThrow(code('DATA_FOLDER'));
  });

  it('is rejected if nothing can be written', async () => {
    // /proc rejects root too, which ignores permission bits.
    await expect(ensureCertificates('/proc/rdgw')).rejects.toThrow(code('DATA_FOLDER'));
  });

  it('does not write through a symbolic link', async () => {
    await ensure();
    const elsewhere = join(root, 'elsewhere');
    writeFileSync(elsewhere, 'precious');
    rmSync(join(folder, 'server.key'));
    symlinkSync(elsewhere, join(folder, 'server.key'));
    await ensure({ force: true });
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    expect((await ensure()).made).toEqual([]);
  });
});

describe('loadTokenKey', () => {
  it.each(['', 'short', 'A'.repeat(42), '!'.repeat(43), `${'A'.repeat(43)}=\n`, 'A'.repeat(200)])(
    'rejects %j',
    async (text) => {
      writeFileSync(join(root, 'token.key'), text);
      await expect(loadTokenKey(root)).rejects.toThrow(code('TOKEN_KEY_INVALID'));
    },
  );
  it('fails without a token key, and does not create one', async () => {
    await expect(loadTokenKey(folder)).rejects.toThrow(code('TOKEN_KEY_MISSING'));
    expect(readdirSync(root)).toEqual([]);
  });
});
