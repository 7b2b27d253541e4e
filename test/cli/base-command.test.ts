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
    ['bogus', 'error: there is no command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    [
      'mkrpd --target x',
      'error: there is no command "mkrpd" (UNKNOWN_COMMAND)\nhint: did you mean rdgw mkrdp? rdgw --help lists the commands\n',
    ],
    [
      'certs inti',
      'error: there is no command "certs inti" (UNKNOWN_COMMAND)\nhint: did you mean rdgw certs init? rdgw --help lists the commands\n',
    ],
    ['help bogus', 'error: there is no command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    ['bogus --help', 'error: there is no command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    ['bogus -- --json', 'error: there is no command "bogus" (UNKNOWN_COMMAND)\nhint: rdgw --help lists the commands\n'],
    [
      'certs init extra',
      'error: unexpected argument "extra" after rdgw certs init (UNEXPECTED_ARGUMENT)\nhint: rdgw certs init --help lists what there is\n',
    ],
    [
      '--data-dir x mkrdp',
      'error: there is no flag "--data-dir" before a command (UNKNOWN_FLAG)\nhint: flags follow the command; rdgw --help lists the commands\n',
    ],
    ['mkrdp --tagret x', 'error: there is no flag "--tagret" (UNKNOWN_FLAG)\nhint: did you mean --target?\n'],
    ['mkrdp', 'error: missing required flag --target (USAGE)\nhint: rdgw mkrdp --help lists what there is\n'],
    [
      'help --bogus=x',
      'error: there is no flag "--bogus" (UNKNOWN_FLAG)\nhint: rdgw help --help lists what there is\n',
    ],
  ])('ends %j with 2 and says what is meant', async (line, words) => {
    expect(await run(line)).toMatchObject({ code: 2, stdout: '', stderr: words });
  });

  it('has the same code with --json, and no dump of the command line', async () => {
    const { code, stdout, stderr } = await run('mkrdp --json --password=hunter2 --target hunter2');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'UNKNOWN_FLAG',
        message: 'there is no flag "--password"',
        hint: 'rdgw mkrdp --help lists what there is',
      },
    });
  });

  it.each([
    ['bogus --json', 'UNKNOWN_COMMAND', 'there is no command "bogus"', 'rdgw --help lists the commands'],
    ['bogus --json --help', 'UNKNOWN_COMMAND', 'there is no command "bogus"', 'rdgw --help lists the commands'],
    ['help bogus --json', 'UNKNOWN_COMMAND', 'there is no command "bogus"', 'rdgw --help lists the commands'],
    [
      'serve extra --json',
      'UNEXPECTED_ARGUMENT',
      'unexpected argument "extra" after rdgw serve',
      'rdgw serve --help lists what there is',
    ],
    [
      'serve --json extra',
      'UNEXPECTED_ARGUMENT',
      'unexpected argument "extra"',
      'rdgw serve --help lists what there is',
    ],
    [
      '--json mkrdp',
      'UNKNOWN_FLAG',
      'there is no flag "--json" before a command',
      'flags follow the command; rdgw --help lists the commands',
    ],
  ])('answers %j with 2 and an error in JSON', async (line, name, message, hint) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ error: { code: name, message, hint } });
  });

  it('has 4 for a missing key, with and without --json', async () => {
    expect((await run('mkrdp --target x')).code).toBe(4);
    const { code, stdout } = await run('mkrdp --target x --json');
    expect(code).toBe(4);
    expect(JSON.parse(stdout).error.code).toBe('TOKEN_KEY_MISSING');
  });

  it('says one thing about a data folder that cannot be used, and nothing of its framework', async () => {
    writeFileSync(join(cwd, 'file'), '');
    const env = { RDGW_DATA_DIR: '', XDG_DATA_HOME: join(cwd, 'file') };
    const { code, stderr } = await run('certs init', { env });
    expect({ code, lines: stderr.trimEnd().split('\n') }).toEqual({
      code: 4,
      lines: [expect.stringMatching(/^error: .* \(DATA_FOLDER\) at /), expect.stringMatching(/^hint: /)],
    });
  });

  it('takes no commands from the data folder', async () => {
    const plugin = { name: 'guest', type: 'module', oclif: { commands: './commands' } };
    const folder = join(cwd, 'guest');
    mkdirSync(join(folder, 'commands'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify(plugin));
    writeFileSync(join(folder, 'commands', 'intrude.js'), 'export default class { static run() {} }');
    const plugins = [{ name: 'guest', type: 'link', root: folder }];
    mkdirSync(join(cwd, 'data'), { recursive: true });
    writeFileSync(join(cwd, 'data', 'package.json'), JSON.stringify({ name: 'guests', oclif: { plugins } }));
    const done = await run('intrude').finally(() => rmSync(join(cwd, 'data', 'package.json')));
    expect(done).toMatchObject({ code: 2, stderr: expect.stringContaining('(UNKNOWN_COMMAND)') });
  });

  it('prints its version', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^rdgw\/\d+\.\d+\.\d+ /) });
  });
});

describe('help', () => {
  it('lists every command at once', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const words of ['certs init', 'decode', 'mkrdp', 'serve', 'EXIT CODES']) expect(stdout).toContain(words);
  });

  it.each(['', '--help', 'certs', 'certs init --help', 'mkrdp -h', 'help mkrdp', 'serve --help', 'decode --help'])(
    'of %j fits into 80 columns and has no colour in a pipe',
    async (line) => {
      const { code, stdout } = await run(line);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((row) => row.length > 80)).toEqual([]);
      expect(stdout).not.toContain('\u001b');
      expect(stdout.trim().split('\n').length).toBeGreaterThan(5);
    },
  );
});

describe('the streams', () => {
  it('have colour where it is forced, and none with NO_COLOR all the same', async () => {
    expect((await run('bogus', { env: { FORCE_COLOR: '1' } })).stderr).toContain('\u001b[31merror:\u001b[39m');
    expect((await run('bogus', { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain('\u001b');
  });

  it('may close: a broken pipe is success', () => {
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

  it('may be full: that is no bug of ours, and no success', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await run('certs init', { stdout: full }).finally(() => closeSync(full));
    expect({ code, stderr }).toEqual({ code: 4, stderr: 'error: the disk is full (ENOSPC)\n' });
  });
});
