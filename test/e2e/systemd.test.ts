/** The gateway as a service: what systemd's own programs say about its unit and pass on from it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { rdgw } from '../support/cli.js';
import { type Datagrams, listenForDatagrams } from '../support/datagrams.js';
import { type Program, RDGW, startRdgw } from '../support/program.js';
import { eventually } from '../support/wait.js';

const UNIT = readFileSync('examples/rdgw.service', 'utf8');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-systemd-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a gateway that systemd has started', () => {
  let manager: Datagrams;
  let run: Program | undefined;
  beforeEach(async () => {
    manager = await listenForDatagrams(join(folder, 'notify'));
  });
  afterEach(async () => {
    run?.kill('SIGKILL');
    await run?.code;
    await manager.stop();
  });

  const serve = async (env: Readonly<Record<string, string>>): Promise<Program> => {
    const own = { HOME: folder, RDGW_DATA_DIR: join(folder, 'data'), NOTIFY_SOCKET: manager.path };
    run = startRdgw(['serve', '--listen', '127.0.0.1:0'], { cwd: folder, env: { ...own, ...env } });
    await run.says(/listens/);
    return run;
  };
  const heard = (pattern: RegExp): Promise<void> =>
    eventually(() => manager.texts().some((text) => pattern.test(text)));
  const count = (word: string): number => manager.texts().filter((text) => text.split('\n').includes(word)).length;

  it('says when it is ready, alive, reloading and stopping', async () => {
    const gateway = await serve({ WATCHDOG_USEC: '400000' });
    await heard(/^MAINPID=\d+\nREADY=1\nSTATUS=sessions: 0$/);
    await eventually(() => count('WATCHDOG=1') >= 2);
    gateway.kill('SIGHUP');
    await heard(/^MAINPID=\d+\nRELOADING=1\nMONOTONIC_USEC=\d+$/);
    await eventually(() => count('READY=1') === 2);
    // On a machine that runs systemd this is the clock that it compares with.
    const [, time] = /MONOTONIC_USEC=(\d+)/.exec(manager.texts().join('\n')) ?? [];
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
    expect(Number(time)).toBeGreaterThan(0);
    expect(Number(time)).toBeLessThanOrEqual(uptime + 1e6);
    gateway.kill('SIGTERM');
    expect(await gateway.code).toBe(0);
    await heard(/STOPPING=1\nSTATUS=draining, sessions: 0$/);
  });

  it('gives no sign of life to a watchdog that waits for another process', async () => {
    const gateway = await serve({ WATCHDOG_USEC: '400000', WATCHDOG_PID: '1' });
    await heard(/READY=1/);
    gateway.kill('SIGHUP');
    await eventually(() => count('READY=1') === 2);
    gateway.kill('SIGTERM');
    expect(await gateway.code).toBe(0);
    expect(count('WATCHDOG=1')).toBe(0);
  });
});

describe('examples/rdgw.service', () => {
  const verify = (text: string): { status: number | null; stderr: string } => {
    const path = join(folder, 'rdgw.service');
    writeFileSync(path, text.replace('/usr/local/bin/rdgw', RDGW));
    return spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  };

  it('has no directive that systemd does not know', () => {
    expect(verify(UNIT)).toMatchObject({ status: 0, stderr: '' });
    expect(verify(UNIT.replace('RemoveIPC', 'RemoveIPCs')).stderr).toMatch(/Unknown key .*RemoveIPCs/);
  });

  it('is well closed in the eyes of systemd', () => {
    const path = join(folder, 'rdgw.service');
    writeFileSync(path, UNIT);
    const args = ['security', '--offline=true', '--threshold=20', '--no-pager', path];
    expect(execFileSync('systemd-analyze', args, { encoding: 'utf8' })).toMatch(/OK/);
  });

  it('waits longer for the end than a drain and its goodbyes take', async () => {
    const { stdout } = await rdgw(['serve', '--check'], { cwd: folder });
    const { timeouts } = parse(stdout) as { timeouts: { drain: number; close: number } };
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(UNIT) ?? [];
    // The time for goodbyes comes twice, each with 2 s for a busy machine.
    expect(Number(seconds)).toBeGreaterThan(timeouts.drain + 2 * (timeouts.close + 2));
  });
});
