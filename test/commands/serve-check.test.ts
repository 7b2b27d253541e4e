import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { type CliRun, rdgw } from '../support/cli.js';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-check-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const serve = (...args: string[]): Promise<CliRun> => rdgw(['serve', '--listen', '127.0.0.1:0', ...args], { cwd });
const check = (...args: string[]): Promise<CliRun> => serve('--check', ...args);
const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);
const configure = (text: string): void => write('rdgw.yaml', text);
const makeCertificates = (name = 'data') => ensureCertificates(join(cwd, name), { hosts: ['localhost'] });

describe('rdgw serve --check', () => {
  it('prints what the first start will create, and creates none of it', async () => {
    const { code, stdout, stderr } = await check();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^listen: 127\.0\.0\.1:0 /m);
    expect(stderr).toBe(
      `The first start will make a CA, a server certificate and a key to sign tokens in ${join(cwd, 'data')}.\n`,
    );
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('prints nothing about a complete data folder, and does not change it', async () => {
    await makeCertificates();
    chmodSync(join(cwd, 'data/server.key'), 0o640);
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(join(cwd, 'data/server.key')).mode & 0o777).toBe(0o640);
    rmSync(join(cwd, 'data/token.key'));
    expect(await check()).toMatchObject({
      code: 0,
      stderr: `The first start will make a key to sign tokens in ${join(cwd, 'data')}.\n`,
    });
    expect(existsSync(join(cwd, 'data/token.key'))).toBe(false);
    expect((await check('--json')).stderr).toBe('');
  });

  it('prints the warnings of a start', async () => {
    await makeCertificates();
    write('tokens', 'sesame-open-sesame alice desk.example\n');
    configure('hostname: gw.example\nauth: {paa: {mode: static, tokensFile: tokens}}\n');
    chmodSync(join(cwd, 'tokens'), 0o644);
    const { code, stderr } = await check();
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*tokens can be read by other users/m);
    expect(stderr).toMatch(/^warning: the certificate is not for gw\.example/m);
  });

  it('does not run a custom authenticator', async () => {
    await makeCertificates();
    write('auth.mjs', 'import { writeFileSync } from "node:fs";\nwriteFileSync("ran", "");\nthrow new Error("no");\n');
    configure('auth: {module: auth.mjs}\n');
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(cwd, 'ran'))).toBe(false);
  });
});

describe('rdgw serve --check fails like serve', () => {
  const certFlags = (name: string, key = name): string[] => [
    '--cert',
    `${name}/server.pem`,
    '--key',
    `${key}/server.key`,
  ];
  const auth = (text: string) => (): void => configure(`auth: ${text}\n`);
  const withCertificates = (damage: () => void) => async (): Promise<void> => {
    await makeCertificates();
    damage();
  };

  it.each<[what: string, code: string, damage: () => unknown, args: readonly string[]]>([
    ['a missing certificate', 'TLS_FILE_UNREADABLE', () => undefined, certFlags('a')],
    [
      'an invalid certificate',
      'TLS_CERT_INVALID',
      async () => {
        await makeCertificates('a');
        write('a/server.pem', 'x');
      },
      certFlags('a'),
    ],
    [
      'the key of another certificate',
      'TLS_KEY_MISMATCH',
      () => Promise.all([makeCertificates('a'), makeCertificates('b')]),
      certFlags('a', 'b'),
    ],
    ['a missing module', 'AUTH_MODULE_MISSING', auth('{module: no.mjs}'), []],
    ['a missing token list', 'POLICY_FILE_MISSING', auth('{paa: {mode: static, tokensFile: no}}'), []],
    ['an invalid token list', 'TOKENS_FILE_INVALID', auth('{paa: {mode: static, tokensFile: rdgw.yaml}}'), []],
    ['a missing public key', 'POLICY_FILE_MISSING', auth('{paa: {keys: [no.pem]}}'), []],
    ['an invalid public key', 'KEY_INVALID', auth('{paa: {keys: [rdgw.yaml]}}'), []],
    ['an invalid key set', 'KEY_INVALID', auth('{paa: {jwks: rdgw.yaml}}'), []],
    ['a damaged certificate', 'CERTS_DAMAGED', withCertificates(() => write('data/server.pem', 'x')), []],
    [
      'a data folder without its certificate',
      'CERTS_INCOMPLETE',
      withCertificates(() => rmSync(join(cwd, 'data/server.pem'))),
      [],
    ],
    ['a damaged token key', 'TOKEN_KEY_INVALID', withCertificates(() => write('data/token.key', 'x')), []],
    ['a file instead of the data folder', 'DATA_FOLDER', () => write('data', ''), []],
    ['a data folder below a file', 'DATA_FOLDER', () => write('file', ''), ['--data-dir', 'file/data']],
    [
      'a file instead of the data folder with --cert',
      'DATA_FOLDER',
      () => makeCertificates('a').then(() => write('data', '')),
      certFlags('a'),
    ],
    ['a key log that is a link', 'KEYLOG_KIND', () => symlinkSync('x', join(cwd, 'keys')), ['--keylog', 'keys']],
    ['a key log that is a folder', 'KEYLOG_KIND', () => mkdirSync(join(cwd, 'keys')), ['--keylog', 'keys']],
    ['a key log without a folder', 'KEYLOG_UNWRITABLE', () => undefined, ['--keylog', 'no/keys']],
  ])('%s (%s)', async (_, name, damage, args) => {
    await damage();
    const checked = await check(...args);
    expect(checked).toMatchObject({ code: 4, stdout: '' });
    expect(checked.stderr).toContain(`(${name})`);
    const started = await serve(...args);
    // A start that gets further logs before it fails.
    const fault = started.stderr.slice(started.stderr.indexOf('error: '));
    expect({ code: started.code, fault }).toEqual({ code: 4, fault: checked.stderr });
  });
});
