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
const makeSet = (name = 'data') => ensureCertificates(join(cwd, name), { hosts: ['localhost'] });

describe('rdgw serve --check', () => {
  it('says what the first start will make, and makes none of it', async () => {
    const { code, stdout, stderr } = await check();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^listen: 127\.0\.0\.1:0 /m);
    expect(stderr).toBe(
      `The first start will make a CA, a server certificate and a key to sign tokens in ${join(cwd, 'data')}.\n`,
    );
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('is silent about a data folder that is complete, and leaves it alone', async () => {
    await makeSet();
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

  it('warns of what a start would warn of', async () => {
    await makeSet();
    write('tokens', 'sesame-open-sesame alice desk.example\n');
    configure('hostname: gw.example\nauth: {paa: {mode: static, tokensFile: tokens}}\n');
    chmodSync(join(cwd, 'tokens'), 0o644);
    const { code, stderr } = await check();
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*tokens can be read by other users/m);
    expect(stderr).toMatch(/^warning: the certificate is not for gw\.example/m);
  });

  it('does not run a custom authenticator', async () => {
    await makeSet();
    write('auth.mjs', 'import { writeFileSync } from "node:fs";\nwriteFileSync("ran", "");\nthrow new Error("no");\n');
    configure('auth: {module: auth.mjs}\n');
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(cwd, 'ran'))).toBe(false);
  });
});

describe('rdgw serve --check refuses like serve', () => {
  const foreign = (name: string, key = name): string[] => [
    '--cert',
    `${name}/server.pem`,
    '--key',
    `${key}/server.key`,
  ];
  const auth = (text: string) => (): void => configure(`auth: ${text}\n`);
  const withSet = (breakIt: () => void) => async (): Promise<void> => {
    await makeSet();
    breakIt();
  };

  it.each<[what: string, code: string, breakIt: () => unknown, args: readonly string[]]>([
    ['a certificate that is not there', 'TLS_FILE_UNREADABLE', () => undefined, foreign('a')],
    [
      'a certificate that is none',
      'TLS_CERT_INVALID',
      async () => {
        await makeSet('a');
        write('a/server.pem', 'x');
      },
      foreign('a'),
    ],
    [
      'the key of another certificate',
      'TLS_KEY_MISMATCH',
      () => Promise.all([makeSet('a'), makeSet('b')]),
      foreign('a', 'b'),
    ],
    ['a module that is not there', 'AUTH_MODULE_MISSING', auth('{module: no.mjs}'), []],
    ['a token list that is not there', 'POLICY_FILE_MISSING', auth('{paa: {mode: static, tokensFile: no}}'), []],
    ['a token list that is none', 'TOKENS_FILE_INVALID', auth('{paa: {mode: static, tokensFile: rdgw.yaml}}'), []],
    ['a public key that is not there', 'POLICY_FILE_MISSING', auth('{paa: {keys: [no.pem]}}'), []],
    ['a public key that is none', 'KEY_INVALID', auth('{paa: {keys: [rdgw.yaml]}}'), []],
    ['a key set that is none', 'KEY_INVALID', auth('{paa: {jwks: rdgw.yaml}}'), []],
    ['a damaged certificate', 'CERTS_DAMAGED', withSet(() => write('data/server.pem', 'x')), []],
    ['a set without its certificate', 'CERTS_INCOMPLETE', withSet(() => rmSync(join(cwd, 'data/server.pem'))), []],
    ['a damaged token key', 'TOKEN_KEY_INVALID', withSet(() => write('data/token.key', 'x')), []],
    ['a file in the place of the data folder', 'DATA_FOLDER', () => write('data', ''), []],
    ['a data folder below a file', 'DATA_FOLDER', () => write('file', ''), ['--data-dir', 'file/data']],
    [
      'a file in its place beside a certificate of its own',
      'DATA_FOLDER',
      () => makeSet('a').then(() => write('data', '')),
      foreign('a'),
    ],
    ['a key log that is a link', 'KEYLOG_KIND', () => symlinkSync('x', join(cwd, 'keys')), ['--keylog', 'keys']],
    ['a key log that is a folder', 'KEYLOG_KIND', () => mkdirSync(join(cwd, 'keys')), ['--keylog', 'keys']],
    ['a key log without a folder', 'KEYLOG_UNWRITABLE', () => undefined, ['--keylog', 'no/keys']],
  ])('%s (%s)', async (_, name, breakIt, args) => {
    await breakIt();
    const checked = await check(...args);
    expect(checked).toMatchObject({ code: 4, stdout: '' });
    expect(checked.stderr).toContain(`(${name})`);
    const started = await serve(...args);
    // The log of a start that gets further comes before its fault.
    const fault = started.stderr.slice(started.stderr.indexOf('error: '));
    expect({ code: started.code, fault }).toEqual({ code: 4, fault: checked.stderr });
  });
});
