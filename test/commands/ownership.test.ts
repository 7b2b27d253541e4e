/** Files of other users, or that other users can write or read, as `rdgw` finds them at its start. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rdgw as run } from '../support/cli.js';
import { type Program, startRdgw } from '../support/program.js';

const OTHER = 65_534;
const isRoot = process.getuid?.() === 0;

let folder: string;
let running: Program[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-owner-'));
  running = [];
});
afterEach(async () => {
  for (const one of running) one.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const rdgw = (...args: string[]) => run(args, { cwd: folder, env: { HOME: at('home') } });
const check = (...args: string[]) => rdgw('serve', '--check', ...args);

async function listening(...args: string[]): Promise<Program> {
  const env = { HOME: at('home'), RDGW_DATA_DIR: at('data') };
  const one = startRdgw(['serve', '--listen', '127.0.0.1:0', ...args], { cwd: folder, env });
  running.push(one);
  await one.waitForOutput(/try next|\n\}/);
  return one;
}

/** Makes the data folder and one file of each kind, with private modes. */
async function prepare(): Promise<void> {
  expect((await rdgw('certs', 'init', '--host', 'localhost')).code).toBe(0);
  writeFileSync(at('tokens.txt'), 'sixteen-characters alice 192.0.2.1:3389\n', { mode: 0o600 });
  writeFileSync(
    at('auth.mjs'),
    'export default () => ({ name: "x", authenticate: () => ({ allow: false, reason: "no" }) });',
  );
  writeFileSync(at('static.yaml'), 'auth: {paa: {mode: static, tokensFile: tokens.txt}}');
  writeFileSync(at('module.yaml'), 'auth: {module: auth.mjs}');
  writeFileSync(at('plain.yaml'), 'timeouts: {dial: 9}');
}

const FILES: readonly (readonly [name: string, config: string])[] = [
  ['data', 'plain.yaml'],
  ['data/token.key', 'plain.yaml'],
  ['data/server.key', 'plain.yaml'],
  ['data/server.pem', 'plain.yaml'],
  ['data/ca.key', 'plain.yaml'],
  ['data/ca.pem', 'plain.yaml'],
  ['tokens.txt', 'static.yaml'],
  ['auth.mjs', 'module.yaml'],
];

describe.runIf(process.platform !== 'win32')('rdgw serve', () => {
  it.each([...FILES, ['plain.yaml', 'plain.yaml'] as const])(
    'refuses %s that others can write',
    async (name, config) => {
      await prepare();
      expect((await check('--config', config)).code).toBe(0);
      chmodSync(at(name), name === 'data' ? 0o777 : 0o666);
      for (const args of [
        ['serve', '--check'],
        ['serve', '--listen', '127.0.0.1:0'],
      ]) {
        const { code, stderr } = await rdgw(...args, '--config', config);
        expect(stderr).toMatch(new RegExp(`FILE_WRITABLE\\) at \\S*${name}\\n.*chmod go-w`));
        expect(code).toBe(4);
      }
    },
  );

  it.runIf(isRoot).each(FILES)('refuses %s of another user', async (name, config) => {
    await prepare();
    chownSync(at(name), OTHER, OTHER);
    for (const args of [
      ['serve', '--check'],
      ['serve', '--listen', '127.0.0.1:0'],
    ]) {
      const { code, stderr } = await rdgw(...args, '--config', config);
      expect(stderr).toMatch(new RegExp(`FILE_FOREIGN\\) at \\S*${name}\\n.*chown`));
      expect(code).toBe(4);
    }
  });

  it('goes on with its settings where a reload finds a file that others can write', async () => {
    await prepare();
    const server = await listening('--config', 'plain.yaml');
    chmodSync(at('data/token.key'), 0o606);
    server.kill('SIGHUP');
    await server.waitForOutput(/event=reload\.failed cause=SIGHUP code=FILE_WRITABLE/);
  });

  it('warns about keys that others can read, and about those of its folder that they could read until now', async () => {
    await prepare();
    chmodSync(at('data/token.key'), 0o644);
    const server = await listening();
    await server.waitForOutput(
      /event=configuration\.warning warning=".*token\.key could be read by other users until now/,
    );
    for (const name of ['server.pem', 'server.key']) symlinkSync(join('data', name), at(name));
    chmodSync(at('data/server.key'), 0o644);
    const { code, stderr } = await check('--cert', 'server.pem', '--key', 'server.key');
    expect(stderr).toMatch(/warning: \S*server\.key can be read by other users/);
    expect(code).toBe(0);
  });

  it('takes an empty data folder that others could write, and restricts it', async () => {
    mkdirSync(at('data'));
    chmodSync(at('data'), 0o777);
    expect((await check()).code).toBe(0);
    await listening();
    expect((await check()).code).toBe(0);
  });
});

describe.runIf(isRoot)('rdgw mkrdp', () => {
  const make = () => rdgw('mkrdp', '--target', '192.0.2.1', '--gateway', 'localhost:8443', '--config', 'plain.yaml');

  it('run by root uses the key of a service that has a user of its own', async () => {
    await prepare();
    for (const name of ['data', 'data/token.key']) chownSync(at(name), OTHER, OTHER);
    expect((await make()).code).toBe(0);
  });

  it('refuses a token key of somebody else, or that others can write', async () => {
    await prepare();
    chownSync(at('data/token.key'), OTHER, OTHER);
    expect(await make()).toMatchObject({ code: 4, stderr: expect.stringContaining('FILE_FOREIGN') });
    chownSync(at('data/token.key'), 0, 0);
    chmodSync(at('data/token.key'), 0o606);
    expect(await make()).toMatchObject({ code: 4, stderr: expect.stringContaining('FILE_WRITABLE') });
  });
});
