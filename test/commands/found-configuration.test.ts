/** The configuration file that `rdgw` finds by itself, as processes. */
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

describe.runIf(process.platform !== 'win32')('a configuration file that is found by search', () => {
  it('is named by the message of the start, and in its JSON', async () => {
    const [text, json] = [await listening(), await listening('--json')];
    expect(text.stdout()).not.toContain('configuration');
    expect(JSON.parse(json.stdout())).toMatchObject({ config: null });
    writeFileSync(at('rdgw.yaml'), 'timeouts: {dial: 9}');
    const [found, foundJson] = [await listening(), await listening('--json')];
    expect(found.stdout()).toMatch(/^ {2}configuration \S+\/rdgw\.yaml$/m);
    expect(JSON.parse(foundJson.stdout())).toMatchObject({ config: at('rdgw.yaml') });
  });

  it.runIf(isRoot)('is refused if it belongs to another user, unless --config names it', async () => {
    writeFileSync(at('rdgw.yaml'), 'timeouts: {dial: 9}');
    chownSync(at('rdgw.yaml'), OTHER, OTHER);
    for (const args of [
      ['serve', '--check'],
      ['mkrdp', '--target', '192.0.2.1'],
    ]) {
      const { code, stderr } = await rdgw(...args);
      expect(stderr).toMatch(/CONFIG_FOREIGN\) at \S*rdgw\.yaml\nhint: .*--config/);
      expect(code).toBe(4);
    }
    expect((await check('--config', 'rdgw.yaml')).stdout).toMatch(/dial: 9/);
  });

  it.runIf(isRoot)('is refused if the link, or what it points to, belongs to another user', async () => {
    writeFileSync(at('elsewhere.yaml'), 'timeouts: {dial: 9}');
    symlinkSync('elsewhere.yaml', at('rdgw.yaml'));
    expect((await check()).code).toBe(0);
    lchownSync(at('rdgw.yaml'), OTHER, OTHER);
    expect((await check()).stderr).toContain('CONFIG_FOREIGN');
    lchownSync(at('rdgw.yaml'), 0, 0);
    chownSync(at('elsewhere.yaml'), OTHER, OTHER);
    expect((await check()).stderr).toContain('CONFIG_FOREIGN');
  });

  it('is refused if others can write it', async () => {
    writeFileSync(at('rdgw.yaml'), 'timeouts: {dial: 9}');
    chmodSync(at('rdgw.yaml'), 0o666);
    expect(await check()).toMatchObject({ code: 4, stderr: expect.stringContaining('FILE_WRITABLE') });
  });

  it('is reported if it is a link to nothing, a link to itself, or no file', async () => {
    symlinkSync('nowhere.yaml', at('rdgw.yaml'));
    expect((await check()).stderr).toContain('CONFIG_MISSING');
    rmSync(at('rdgw.yaml'));
    symlinkSync('rdgw.yaml', at('rdgw.yaml'));
    expect((await check()).stderr).toContain('CONFIG_UNREADABLE');
    rmSync(at('rdgw.yaml'));
    mkdirSync(at('rdgw.yaml'));
    expect((await check()).stderr).toContain('CONFIG_UNREADABLE');
  });
});
