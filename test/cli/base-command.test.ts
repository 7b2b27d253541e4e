import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_ROOT, type CliOptions, type CliRun, rdgw } from '../support/cli.js';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-cli-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const run = (line: string, options: Partial<CliOptions> = {}): Promise<CliRun> =>
  rdgw(line.split(' ').filter(Boolean), { cwd, ...options });

describe('the command line', () => {
  it.each([
    ['bogus', 'error: unknown command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    [
      'mkrpd --target x',
      'error: unknown command "mkrpd" (UNKNOWN_COMMAND)\nhint: did you mean rdgw mkrdp? rdgw --help lists the commands\n',
    ],
    [
      'certs inti',
      'error: unknown command "certs inti" (UNKNOWN_COMMAND)\nhint: did you mean rdgw certs init? rdgw --help lists the commands\n',
    ],
    ['help bogus', 'error: unknown command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    ['bogus --help', 'error: unknown command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    ['bogus -- --json', 'error: unknown command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    [
      'certs init extra',
      'error: unexpected argument "extra" after rdgw certs init (UNEXPECTED_ARGUMENT)\nhint: see rdgw certs init --help\n',
    ],
    [
      '--data-dir x mkrdp',
      'error: unexpected flag "--data-dir" before the command (UNKNOWN_FLAG)\nhint: put flags after the command; rdgw --help lists the commands\n',
    ],
    ['mkrdp --tagret x', 'error: unknown flag "--tagret" (UNKNOWN_FLAG)\nhint: did you mean --target?\n'],
    ['mkrdp', 'error: missing required flag --target (USAGE)\nhint: see rdgw mkrdp --help\n'],
    ['help --bogus=x', 'error: unknown flag "--bogus" (UNKNOWN_FLAG)\nhint: see rdgw help --help\n'],
  ])('exits with 2 for %j and prints a hint', async (line, message) => {
    expect(await run(line)).toMatchObject({ code: 2, stdout: '', stderr: message });
  });

  it('has the same exit code with --json and does not print the command line', async () => {
    const { code, stdout, stderr } = await run('mkrdp --json --password=hunter2 --target hunter2');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'UNKNOWN_FLAG',
        message: 'unknown flag "--password"',
        hint: 'see rdgw mkrdp --help',
      },
    });
  });

  it.each([
    ['bogus --json', 'UNKNOWN_COMMAND', 'unknown command "bogus"', 'rdgw --help lists the commands'],
    ['bogus --json --help', 'UNKNOWN_COMMAND', 'unknown command "bogus"', 'rdgw --help lists the commands'],
    ['help bogus --json', 'UNKNOWN_COMMAND', 'unknown command "bogus"', 'rdgw --help lists the commands'],
    [
      'serve extra --json',
      'UNEXPECTED_ARGUMENT',
      'unexpected argument "extra" after rdgw serve',
      'see rdgw serve --help',
    ],
    ['serve --json extra', 'UNEXPECTED_ARGUMENT', 'unexpected argument "extra"', 'see rdgw serve --help'],
    [
      '--json mkrdp',
      'UNKNOWN_FLAG',
      'unexpected flag "--json" before the command',
      'put flags after the command; rdgw --help lists the commands',
    ],
  ])('exits with 2 for %j and prints the error as JSON', async (line, name, message, hint) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ error: { code: name, message, hint } });
  });

  it('exits with 4 for a missing key, with and without --json', async () => {
    expect((await run('mkrdp --target x')).code).toBe(4);
    const { code, stdout } = await run('mkrdp --target x --json');
    expect(code).toBe(4);
    expect(JSON.parse(stdout).error.code).toBe('TOKEN_KEY_MISSING');
  });

  it('prints one error for an unusable data folder, and none of oclif', async () => {
    writeFileSync(join(cwd, 'file'), '');
    const env = { RDGW_DATA_DIR: '', XDG_DATA_HOME: join(cwd, 'file') };
    const { code, stderr } = await run('certs init', { env });
    expect({ code, lines: stderr.trimEnd().split('\n') }).toEqual({
      code: 4,
      lines: [expect.stringMatching(/^error: .* \(DATA_FOLDER\) at /), expect.stringMatching(/^hint: /)],
    });
  });

  it('loads no commands from the data folder', async () => {
    const plugin = { name: 'plugin', type: 'module', oclif: { commands: './commands' } };
    const folder = join(cwd, 'plugin');
    mkdirSync(join(folder, 'commands'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify(plugin));
    writeFileSync(join(folder, 'commands', 'extra.js'), 'export default class { static run() {} }');
    const plugins = [{ name: 'plugin', type: 'link', root: folder }];
    mkdirSync(join(cwd, 'data'), { recursive: true });
    writeFileSync(join(cwd, 'data', 'package.json'), JSON.stringify({ name: 'plugins', oclif: { plugins } }));
    const done = await run('extra').finally(() => rmSync(join(cwd, 'data', 'package.json')));
    expect(done).toMatchObject({ code: 2, stderr: expect.stringContaining('(UNKNOWN_COMMAND)') });
  });

  it('prints its version', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rdgw\/\d+\.\d+\.\d+ /) });
  });
});

describe('help', () => {
  it('lists all commands', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const text of ['certs init', 'decode', 'mkrdp', 'serve', 'EXIT CODES']) expect(stdout).toContain(text);
  });

  it.each([
    '',
    '--help',
    'certs',
    'certs init --help',
    'mkrdp -h',
    'help mkrdp',
    'serve --help',
    'decode --help',
    'explain --help',
    'help --help',
  ])('of %j fits into 80 columns and has no colour in a pipe', async (line) => {
    const { code, stdout } = await run(line);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((row) => row.length > 80)).toEqual([]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout.trim().split('\n').length).toBeGreaterThan(5);
  });
});

describe('stdout and stderr', () => {
  it('have colour with FORCE_COLOR, but not with NO_COLOR', async () => {
    expect((await run('bogus', { env: { FORCE_COLOR: '1' } })).stderr).toContain('\u001b[31merror:\u001b[39m');
    expect((await run('bogus', { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain('\u001b');
  });

  it('may be closed: a broken pipe is not an error', () => {
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-o', 'pipefail', '-c', 'node "$0/bin/run.js" --help | true; echo $?', CLI_ROOT],
      {
        cwd,
        encoding: 'utf8',
      },
    );
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  it('may be on a full disk: that is an error, but not a bug', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await run('certs init', { stdout: full }).finally(() => closeSync(full));
    expect({ code, stderr }).toEqual({ code: 4, stderr: 'error: the disk is full (ENOSPC)\n' });
  });
});
