/** Runs `rdgw serve` as a process on Unix sockets and behind the PROXY protocol, with one process and with two workers. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Program, startRdgw } from '../support/program.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let running: Program[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-unix-'));
  running = [];
});
afterEach(async () => {
  for (const run of running) run.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  rmSync(folder, { recursive: true, force: true });
});

function serve(settings: object, ...args: string[]): Program {
  writeFileSync(join(folder, 'rdgw.yaml'), JSON.stringify(settings));
  const env = { HOME: folder, TMPDIR: folder, RDGW_DATA_DIR: join(folder, 'data') };
  const run = startRdgw(['serve', ...args], { cwd: folder, env });
  running.push(run);
  return run;
}

function health(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    get({ socketPath, path: '/healthz', agent: false }, (response) => void resolve(response.resume().statusCode)).on(
      'error',
      () => resolve(undefined),
    );
  });
}

describe.each([1, 2])('with --workers %s, a Unix socket', (workers) => {
  const settingsFor = (path: string): object => ({
    listen: { address: `unix:${path}`, tls: 'off', mode: '0600' },
    hostname: 'gw.example',
  });

  it('is served with its mode, named in the ready message, and removed at the end', async () => {
    const path = join(folder, 'gateway.sock');
    const run = serve(settingsFor(path), '--workers', String(workers));
    await run.waitForOutput(/listens on https:\/\/gw\.example:443\n(?:.*\n)*? {2}addresses {5}unix:/);
    for (let count = 0; count < 5; count++) expect(await health(path)).toBe(200);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  it('replaces what a killed process left behind, but not the socket of a live one', async () => {
    const path = join(folder, 'gateway.sock');
    const first = serve(settingsFor(path), '--workers', String(workers));
    await first.waitForOutput(/try next/);
    const second = serve(settingsFor(path), '--workers', String(workers));
    expect(await second.code).toBe(5);
    expect(second.stderr()).toContain('another process listens on this socket');
    expect(await health(path)).toBe(200);
    first.kill('SIGKILL');
    await first.code;
    await vi.waitFor(async () => expect(await health(path)).toBeUndefined(), 10_000);
    await serve(settingsFor(path), '--workers', String(workers)).waitForOutput(/try next/);
    expect(await health(path)).toBe(200);
  });
});

it('a worker that is replaced serves the Unix socket again', async () => {
  const path = join(folder, 'gateway.sock');
  const listen = { address: `unix:${path}`, tls: 'off' };
  const run = serve({ listen, hostname: 'gw.example', log: { format: 'json' } }, '--workers', '2');
  await run.waitForOutput(/try next/);
  const pids = (): number[] =>
    run
      .stderr()
      .split('\n')
      .filter((line) => line.includes('"worker.started"'))
      .map((line) => (JSON.parse(line) as { pid: number }).pid);
  const before = pids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(pids()).toHaveLength(2 * before.length), 60_000);
  await vi.waitFor(async () => expect(await health(path)).toBe(200), 60_000);
  expect(statSync(path).mode & 0o777).toBe(0o660);
});

it('refuses a listener for proxies without trusted proxies, and names the setting', async () => {
  const run = serve({ listen: { address: '0.0.0.0:0', tls: 'off' } });
  expect(await run.code).toBe(4);
  expect(run.stderr()).toContain('trustedProxies');
});
