import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { parseRdp, settingValue } from '../../src/rdpfile/parse.js';
import { type CliRun, rdgw } from '../support/cli.js';

let cwd = '';
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-mkrdp-'));
  await ensureCertificates(join(cwd, 'data'), { hosts: ['gw.example'] });
});
afterAll(() => rmSync(cwd, { recursive: true }));

const mkrdp = (...args: string[]): Promise<CliRun> => rdgw(['mkrdp', '--user', 'alice', ...args], { cwd });

describe('rdgw mkrdp', () => {
  it('writes HOST.rdp as mstsc does, readable by its owner only, and prints the next step', async () => {
    const { code, stdout, stderr } = await mkrdp('--target', '192.168.0.101');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Made 192\.168\.0\.101\.rdp for alice, through gw\.example:8443, until \d{4}-\d\d-\d\d \d\d:\d\d\.\n$/,
    );
    expect(stderr).toBe('Open it with mstsc, or: xfreerdp 192.168.0.101.rdp\n');
    const path = join(cwd, '192.168.0.101.rdp');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(path);
    expect([...bytes.subarray(0, 4)]).toEqual([0xff, 0xfe, 0x66, 0]);
    expect(settingValue(parseRdp(bytes), 'gatewayhostname')).toBe('gw.example:8443');
  });

  it('replaces a file for the same target, but any other file only with --force', async () => {
    expect((await mkrdp('--target', 'desk:3390')).stdout).toMatch(/^Made desk-3390\.rdp /);
    expect((await mkrdp('--target', 'desk:3390')).stdout).toMatch(/^Replaced desk-3390\.rdp /);
    writeFileSync(join(cwd, 'desk.rdp'), 'precious');
    const refused = await mkrdp('--target', 'desk');
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: '' });
    expect(refused.stderr).toBe(
      `error: the file exists and is not for this target (FILE_EXISTS) at ${join(cwd, 'desk.rdp')}\nhint: add --force to replace it\n`,
    );
    expect(readFileSync(join(cwd, 'desk.rdp'), 'utf8')).toBe('precious');
    expect((await mkrdp('--target', 'desk', '--force')).code).toBe(0);
  });

  it('writes only the file to stdout with --output -', async () => {
    const before = readdirSync(cwd);
    const { code, bytes, stderr } = await mkrdp('--target', 'desk', '--output', '-', '--set', 'audiomode:i:2');
    expect(code).toBe(0);
    expect(settingValue(parseRdp(bytes), 'audiomode')).toBe('2');
    expect(stderr).toMatch(/^An \.rdp file for alice, /);
    expect(readdirSync(cwd)).toEqual(before);
  });

  it('prints the token with --json only if the file is written to stdout', async () => {
    const { stdout, stderr } = await mkrdp('--target', 'desk', '--json', '--force', '--output', 'my desk.rdp');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      file: join(cwd, 'my desk.rdp'),
      target: 'desk:3389',
      gateway: 'gw.example:8443',
      user: 'alice',
      expires: expect.stringMatching(/Z$/),
      tokenLength: expect.any(Number),
    });
    const token = settingValue(parseRdp(readFileSync(join(cwd, 'my desk.rdp'))), 'gatewayaccesstoken') ?? '';
    expect(token.length).toBe(JSON.parse(stdout).tokenLength);
    const inline = JSON.parse((await mkrdp('--target', 'desk', '--json', '--output', '-')).stdout);
    expect(settingValue(parseRdp(Buffer.from(inline.content)), 'full address')).toBe('desk');
  });

  it('prints no user and no expiry for a token given with --set', async () => {
    const set = ['--set', 'gatewayaccesstoken:s:of-another-user'];
    const { stdout } = await mkrdp('--target', 'desk2', ...set);
    expect(stdout).toMatch(/^Made desk2\.rdp through \S+, with the token of --set\.$/m);
    const json = JSON.parse((await mkrdp('--target', 'desk2', ...set, '--json')).stdout);
    expect(json).toMatchObject({ user: null, expires: null, tokenLength: 'of-another-user'.length });
  });

  it('warns about a long token on stderr, with --json too', async () => {
    const args = ['--target', 'long', '--user', 'u'.repeat(120), '--json'];
    const { code, stdout, stderr } = await rdgw(['mkrdp', ...args], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: the token has \d{3} characters, some clients accept at most 250\n$/);
    expect(JSON.parse(stdout).tokenLength).toBeGreaterThan(250);
  });

  it('fails without a data folder and does not make one', async () => {
    const { code, stderr } = await mkrdp('--target', 'desk', '--data-dir', 'nothing');
    expect(code).toBe(4);
    expect(stderr).toContain('(TOKEN_KEY_MISSING)');
    expect(stderr).toMatch(/^hint: .*rdgw certs init/m);
    expect(readdirSync(cwd)).not.toContain('nothing');
  });

  it('reads the configuration', async () => {
    writeFileSync(join(cwd, 'rdgw.yaml'), 'listen: 443\nhostname: portal.example\n');
    const run = await mkrdp('--target', 'configured').finally(() => rmSync(join(cwd, 'rdgw.yaml')));
    expect(run.stdout).toContain('through portal.example:443,');
    expect((await mkrdp('--target', 'configured', '--config', 'missing.yaml')).code).toBe(4);
  });
});
