import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliRun, rdgw } from '../support/cli.js';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-explain-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const run = (...args: string[]): Promise<CliRun> => rdgw(['explain', ...args], { cwd });

describe('rdgw explain', () => {
  it('explains a code in plain text that fits 80 columns', async () => {
    const { code, stdout, stderr } = await run('0x800759DA');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^E_PROXY_RAP_ACCESSDENIED {2}0x800759DA\nThe gateway's policy does not allow this target/);
    expect(stdout).toContain('     Fix: Allow it in targets.allow of rdgw');
    expect(stdout).not.toContain('\u001b');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('accepts a negative number, which is not a flag', async () => {
    expect((await run('-2147001894')).stdout).toMatch(/^E_PROXY_RAP_ACCESSDENIED /);
  });

  it('prints JSON', async () => {
    const { code, stdout } = await run('131', '--json');
    expect(code).toBe(0);
    const printed = JSON.parse(stdout);
    expect(printed.query).toBe('131');
    expect(printed.explanations[0]).toMatchObject({
      code: 'exit 131',
      names: ['XF_EXIT_CONN_FAILED'],
      family: 'FreeRDP',
      causes: [{ cause: expect.any(String), fix: expect.any(String) }, expect.anything()],
    });
  });

  it('lists every code, one per line and not cut in a pipe', async () => {
    const { code, stdout } = await run();
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => line.includes('…'))).toEqual([]);
    expect(lines).toContain('0x0002000D  ERRCONNECT_CONNECT_TRANSPORT_FAILED  the connection was lost');
    expect(JSON.parse((await run('--json')).stdout).explanations).toHaveLength(lines.length);
  });

  it('exits with 3 and prints a hint for an unknown code', async () => {
    const { code, stdout, stderr } = await run('E_PROXY_RAP_ACESSDENIED');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^error: unknown code "E_PROXY_RAP_ACESSDENIED" \(CODE_UNKNOWN\)\nhint: did you mean E_PROXY_RAP_ACCESSDENIED/,
    );
  });
});
