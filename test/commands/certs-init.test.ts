import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rdgw } from '../support/cli.js';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-init-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe('rdgw certs init', () => {
  it('makes all files, keeps them on the second run, and replaces the certificate with --force', async () => {
    const first = await rdgw(['certs', 'init', '--host', 'gw.example', '--host', '10.0.0.5'], { cwd });
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^Made a CA, a server certificate and a key to sign tokens\.\n/);
    expect(first.stdout).toContain('gw.example, 10.0.0.5');
    for (const text of [join(cwd, 'data', 'ca.pem'), 'Windows', 'macOS', 'Debian', 'Fedora', 'iOS', 'Android']) {
      expect(first.stdout).toContain(text);
    }
    expect(statSync(join(cwd, 'data', 'ca.key')).mode & 0o777).toBe(0o600);

    const second = await rdgw(['certs', 'init'], { cwd });
    expect(second.stdout).toMatch(/^Everything is there and valid, nothing was changed\.\n/);

    const third = await rdgw(['certs', 'init', '--host', 'other.example'], { cwd });
    expect({ code: third.code, stdout: third.stdout }).toEqual({ code: 4, stdout: '' });
    expect(third.stderr).toBe(
      [
        'error: the server certificate is for gw.example, 10.0.0.5, not for other.example (CERTS_DIFFER)',
        ` at ${join(cwd, 'data', 'server.pem')}\n`,
        'hint: rdgw certs init --force makes a new server certificate, the CA stays\n',
      ].join(''),
    );

    const fourth = await rdgw(['certs', 'init', '--host', 'other.example', '--force', '--json'], { cwd });
    expect({ code: fourth.code, stderr: fourth.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(fourth.stdout)).toEqual({
      made: ['server'],
      caReplaced: false,
      names: ['other.example'],
      dataDir: join(cwd, 'data'),
      ca: {
        file: join(cwd, 'data', 'ca.pem'),
        fingerprint: expect.stringMatching(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/),
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      },
      server: {
        file: join(cwd, 'data', 'server.pem'),
        key: join(cwd, 'data', 'server.key'),
        fingerprint: expect.stringMatching(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/),
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      },
      tokenKey: join(cwd, 'data', 'token.key'),
    });
  });

  it('takes the data folder from the flag, the environment or the default of the user', async () => {
    const folder = async (args: string[], env: Record<string, string>) =>
      JSON.parse((await rdgw(['certs', 'init', '--json', ...args], { cwd, env })).stdout).dataDir;
    expect(await folder(['--data-dir', 'here'], {})).toBe(join(cwd, 'here'));
    expect(await folder([], { RDGW_DATA_DIR: join(cwd, 'there') })).toBe(join(cwd, 'there'));
    expect(await folder([], { RDGW_DATA_DIR: '', XDG_DATA_HOME: join(cwd, 'xdg') })).toBe(join(cwd, 'xdg', 'rdgw'));
  });

  it.each([
    ['--host', '*.example.com', 2, 'HOST_INVALID'],
    ['--key-type', 'dsa', 2, 'USAGE'],
    ['--data-dir', '/proc/rdgw', 4, 'DATA_FOLDER'],
  ])('rejects %s %s', async (flag, value, code, name) => {
    const run = await rdgw(['certs', 'init', flag, value], { cwd });
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: '' });
    expect(run.stderr).toContain(`(${name})`);
  });
});
