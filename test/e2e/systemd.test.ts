/** The gateway as a systemd service: its notifications, and its unit file in the checks of systemd-analyze. */
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

describe('a gateway with NOTIFY_SOCKET', () => {
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
    const base = { HOME: folder, RDGW_DATA_DIR: join(folder, 'data'), NOTIFY_SOCKET: manager.path };
    run = startRdgw(['serve', '--listen', '127.0.0.1:0'], { cwd: folder, env: { ...base, ...env } });
    await run.waitForOutput(/listens/);
    return run;
  };
  const notified = (pattern: RegExp): Promise<void> =>
    eventually(() => manager.texts().some((text) => pattern.test(text)));
  const count = (line: string): number => manager.texts().filter((text) => text.split('\n').includes(line)).length;

  it('notifies when it is ready, alive, reloading and stopping', async () => {
    const gateway = await serve({ WATCHDOG_USEC: '400000' });
    await notified(/^MAINPID=\d+\nREADY=1\nSTATUS=sessions: 0$/);
    await eventually(() => count('WATCHDOG=1') >= 2);
    gateway.kill('SIGHUP');
    await notified(/^MAINPID=\d+\nRELOADING=1\nMONOTONIC_USEC=\d+$/);
    await eventually(() => count('READY=1') === 2);
    // systemd compares the value with CLOCK_MONOTONIC.
    const [, time] = /MONOTONIC_USEC=(\d+)/.exec(manager.texts().join('\n')) ?? [];
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
    expect(Number(time)).toBeGreaterThan(0);
    expect(Number(time)).toBeLessThanOrEqual(uptime + 1e6);
    gateway.kill('SIGTERM');
    expect(await gateway.code).toBe(0);
    await notified(/STOPPING=1\nSTATUS=draining, sessions: 0$/);
  });

  it('sends no watchdog notifications if WATCHDOG_PID is another process', async () => {
    const gateway = await serve({ WATCHDOG_USEC: '400000', WATCHDOG_PID: '1' });
    await notified(/READY=1/);
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

  it('has only directives that systemd knows', () => {
    expect(verify(UNIT)).toMatchObject({ status: 0, stderr: '' });
    expect(verify(UNIT.replace('RemoveIPC', 'RemoveIPCs')).stderr).toMatch(/Unknown key .*RemoveIPCs/);
  });

  it('has an exposure level below 2 in systemd-analyze security', () => {
    const path = join(folder, 'rdgw.service');
    writeFileSync(path, UNIT);
    const args = ['security', '--offline=true', '--threshold=20', '--no-pager', path];
    expect(execFileSync('systemd-analyze', args, { encoding: 'utf8' })).toMatch(/OK/);
  });

  it('has a stop timeout above the time for draining and closing tunnels', async () => {
    const { stdout } = await rdgw(['serve', '--check'], { cwd: folder });
    const { timeouts } = parse(stdout) as { timeouts: { drain: number; close: number } };
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(UNIT) ?? [];
    // timeouts.close applies twice, each time with 2 s more for a busy machine.
    expect(Number(seconds)).toBeGreaterThan(timeouts.drain + 2 * (timeouts.close + 2));
  });
});
