/** Runs the command line that `rdgw serve` prints to try next, in another folder and without its environment. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { parseRdp, settingValue } from '../../src/rdpfile/parse.js';
import { CLI_ROOT } from '../support/cli.js';
import { RawClient } from '../support/client.js';
import { type Program, RDGW, start } from '../support/program.js';
import { echoTarget, type TestTarget } from '../support/target.js';

const EXAMPLE = '192.168.0.101';
/** The exit code if the port is in use. */
const PORT_IN_USE = 5;

let folder: string;
let home: string;
let target: TestTarget;
let running: Program[];

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'rdgw-next-')));
  home = join(folder, 'home');
  for (const name of ['home', 'here', 'elsewhere', 'bin']) mkdirSync(join(folder, name));
  symlinkSync(RDGW, join(folder, 'bin/rdgw'));
  // Behaves like npx with an installed package.
  writeFileSync(join(folder, 'bin/npx'), '#!/bin/sh\nexport npm_command=exec\nexec "$@"\n');
  chmodSync(join(folder, 'bin/npx'), 0o755);
  target = await echoTarget();
  running = [];
});
afterEach(async () => {
  for (const run of running) run.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  await target.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command line in a shell. */
function runLine(line: string, where: string, env: Record<string, string> = {}): Program {
  const PATH = [join(folder, 'bin'), dirname(process.execPath), process.env.PATH].join(':');
  const run = start('/bin/sh', ['-c', `exec ${line}`], { cwd: join(folder, where), env: { PATH, HOME: home, ...env } });
  running.push(run);
  return run;
}

interface Start {
  readonly port: number;
  /** The printed command line. */
  readonly next: string;
}

async function serving(line: string, env: Record<string, string> = {}): Promise<Start> {
  const run = runLine(line, 'here', env);
  const [, port] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
  const [, next = ''] = await run.waitForOutput(/^ {2}try next {6}(.*)\n/m);
  return { port: Number(port), next };
}

interface Trial {
  readonly gateway: string | undefined;
  readonly warnings: string;
  /** Whether the token of the file opened its target. */
  readonly opened: boolean;
}

/** Runs the line with another target, and opens a session with the .rdp file that it writes. */
async function tryOut({ port, next }: Start, dataDir: string, server = join(dataDir, 'ca.pem')): Promise<Trial> {
  expect(next).toContain(` --target ${EXAMPLE}`);
  const made = runLine(next.replace(EXAMPLE, `127.0.0.1:${target.port}`), 'elsewhere');
  expect(await made.code, made.stderr()).toBe(0);
  const settings = parseRdp(readFileSync(join(folder, 'elsewhere', `127.0.0.1-${target.port}.rdp`)));
  const token = settingValue(settings, 'gatewayaccesstoken') ?? '';
  const ca = readFileSync(server, 'utf8');
  const client = await RawClient.open({ port, ca }, { transport: 'websocket', token, port: target.port });
  client.send(Buffer.from('hello'));
  await client.when(() => client.received.toString() === 'hello');
  client.pipe.close();
  return { gateway: settingValue(settings, 'gatewayhostname'), warnings: made.stderr(), opened: true };
}

const DEFAULT_DATA = '.local/share/rdgw';

describe('the two commands of the README', () => {
  const readme = readFileSync(join(CLI_ROOT, 'README.md'), 'utf8');
  const [first = '', second = ''] = /```sh\n([^`]*)```/.exec(readme)?.[1]?.split('\n') ?? [];
  const serve = first.replace(/^npm ci && | *#.*$/g, '');

  it('open a desktop with the target as only flag, and match what serve prints', async () => {
    expect(serve).toBe('npx rdgw serve');
    const plain = await serving(serve).catch(async (error: unknown) => {
      // Another program on this machine uses the port of the README.
      if ((await running[0]?.code) !== PORT_IN_USE) throw error;
      return undefined;
    });
    const started = plain ?? (await serving(serve, { RDGW_LISTEN: '127.0.0.1:0' }));
    const line = `npx rdgw mkrdp --target ${EXAMPLE}`;
    if (plain === undefined) expect(started.next).toMatch(new RegExp(`^${line} --gateway \\S+:${started.port}$`));
    else expect(started.next).toBe(line);
    expect(second.replace(/ *#.*$/, '')).toBe(line);
    const { gateway } = await tryOut(started, join(home, DEFAULT_DATA));
    expect(gateway).toMatch(new RegExp(`^[^:]+:${started.port}$`));
  });
});

describe('the line to try next', () => {
  const ANY = '127.0.0.1:0';

  it('names the gateway if the environment sets its port', async () => {
    const started = await serving('rdgw serve', { RDGW_LISTEN: ANY });
    expect(started.next).toMatch(new RegExp(`^rdgw mkrdp --target ${EXAMPLE} --gateway \\S+:${started.port}$`));
    expect((await tryOut(started, join(home, DEFAULT_DATA))).gateway).toMatch(new RegExp(`:${started.port}$`));
  });

  it('names the gateway if a flag sets its port, or the environment its name', async () => {
    const started = await serving(`rdgw serve --listen ${ANY}`, { RDGW_HOSTNAME: 'gw.example' });
    expect(started.next).toBe(`rdgw mkrdp --target ${EXAMPLE} --gateway gw.example:${started.port}`);
    expect((await tryOut(started, join(home, DEFAULT_DATA))).gateway).toBe(`gw.example:${started.port}`);
  });

  it('names a data folder that the environment sets', async () => {
    const data = join(folder, "it's here");
    for (const env of [{ RDGW_DATA_DIR: "../it's here" }, { XDG_DATA_HOME: join(folder, 'xdg') }]) {
      const started = await serving('rdgw serve', { RDGW_LISTEN: ANY, ...env });
      const named = 'XDG_DATA_HOME' in env ? join(folder, 'xdg/rdgw') : data;
      expect(started.next).toMatch(/ --data-dir \S/);
      await tryOut(started, named);
      rmSync(join(folder, 'elsewhere'), { recursive: true });
      mkdirSync(join(folder, 'elsewhere'));
    }
  });

  it('names the gateway if the environment sets its certificate', async () => {
    const other = join(folder, 'other');
    await ensureCertificates(other, { hosts: ['brought.example', 'localhost'] });
    const env = { RDGW_TLS_CERT: '../other/server.pem', RDGW_TLS_KEY: '../other/server.key', RDGW_LISTEN: ANY };
    const started = await serving('rdgw serve', env);
    expect(started.next).toBe(`rdgw mkrdp --target ${EXAMPLE} --gateway brought.example:${started.port}`);
    await tryOut(started, join(home, DEFAULT_DATA), join(other, 'ca.pem'));
  });

  it.each([
    ['the working directory', 'here/rdgw.yaml', {}],
    ['XDG_CONFIG_HOME', 'xdg/rdgw/rdgw.yaml', { XDG_CONFIG_HOME: 'xdg' }],
    ['RDGW_CONFIG', 'my settings.yaml', { RDGW_CONFIG: '../my settings.yaml' }],
  ])('names the configuration of %s', async (_, name, env) => {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'hostname: gw.example\n');
    const xdg = 'XDG_CONFIG_HOME' in env ? { XDG_CONFIG_HOME: join(folder, 'xdg') } : {};
    const started = await serving('rdgw serve', { ...env, ...xdg, RDGW_LISTEN: ANY } as Record<string, string>);
    const quoted = file.includes(' ') ? `'${file}'` : file;
    expect(started.next).toBe(`rdgw mkrdp --target ${EXAMPLE} --gateway gw.example:${started.port} --config ${quoted}`);
    expect((await tryOut(started, join(home, DEFAULT_DATA))).gateway).toBe(`gw.example:${started.port}`);
  });

  it('omits a configuration that is invalid without this environment', async () => {
    writeFileSync(join(folder, 'here/rdgw.yaml'), `listen: ${ANY}\nhostname: gw.example\nauth: {paa: {mode: any}}\n`);
    const started = await serving('rdgw serve', { RDGW_TARGETS_ALLOW: '127.0.0.1:*' });
    expect(started.next).toBe(`rdgw mkrdp --target ${EXAMPLE} --gateway gw.example:${started.port}`);
    await tryOut(started, join(home, DEFAULT_DATA));
  });

  it('needs no flags if all files are at their default paths', async () => {
    mkdirSync(join(home, '.config/rdgw'), { recursive: true });
    const { port, next } = await serving('rdgw serve', { RDGW_LISTEN: ANY });
    running[0]?.kill('SIGKILL');
    await running[0]?.code;
    expect(next).toContain('--gateway');
    writeFileSync(join(home, '.config/rdgw/rdgw.yaml'), `listen: 127.0.0.1:${port}\nhostname: gw.example\n`);
    const started = await serving('rdgw serve');
    expect(started.next).toBe(`rdgw mkrdp --target ${EXAMPLE}`);
    expect((await tryOut(started, join(home, DEFAULT_DATA))).gateway).toBe(`gw.example:${port}`);
  });
});
