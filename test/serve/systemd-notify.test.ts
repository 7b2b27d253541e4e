/** Messages in their order, by a program that stands in for systemd's; the real one has its test among the end-to-end tests. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceManager } from '../../src/cli/environment.js';
import { createLog } from '../../src/gateway/report/log.js';
import { Notifier } from '../../src/serve/systemd-notify.js';
import { eventually, sleep } from '../support/wait.js';

const PATH = process.env.PATH ?? '';

let folder: string;
let log: string[];
let isAlive: boolean;
let sessions: number;
let notifier: Notifier | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-notify-'));
  log = [];
  isAlive = true;
  sessions = 0;
  install('echo "$*" >> "$0.said"');
});
afterEach(() => {
  notifier?.close();
  process.env.PATH = PATH;
  rmSync(folder, { recursive: true });
});

function install(script: string): void {
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  process.env.PATH = `${folder}${delimiter}${PATH}`;
}

function open(manager: ServiceManager | undefined): Notifier {
  notifier = new Notifier({
    manager,
    log: createLog({ level: 'debug', format: 'text', write: (line) => void log.push(line) }),
    status: () => `sessions: ${sessions}`,
    isAlive: () => isAlive,
  });
  return notifier;
}

/** What was said so far, without the process that all of it is about. */
function said(): string[] {
  const file = join(folder, 'systemd-notify.said');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => line.replace(`--pid=${process.pid} `, '').replace(/(?<=MONOTONIC_USEC=)\d+/, 'N'));
}
const beats = (): number => said().filter((line) => line.startsWith('WATCHDOG=1')).length;

describe('the service manager', () => {
  it('hears of the start, a reload and the end, in this order, and of the status when it is another one', async () => {
    const told = open({ watchdogMs: undefined });
    void told.ready();
    void told.reloading();
    sessions = 2;
    void told.ready();
    void told.ready();
    await told.stopping();
    expect(said()).toEqual([
      'READY=1 STATUS=sessions: 0',
      'RELOADING=1 MONOTONIC_USEC=N',
      'READY=1 STATUS=sessions: 2',
      'READY=1',
      'STOPPING=1',
    ]);
  });

  it('hears of no readiness behind the end', async () => {
    const told = open({ watchdogMs: undefined });
    void told.stopping();
    await told.ready();
    expect(said()).toEqual(['STOPPING=1 STATUS=sessions: 0']);
  });

  it('gets signs of life for its watchdog, but only while the gateway is alive', async () => {
    const told = open({ watchdogMs: 20 });
    await told.ready();
    await eventually(() => beats() >= 2);
    isAlive = false;
    // One may be on its way.
    await told.reloading();
    const before = beats();
    await sleep(200);
    expect(beats()).toBe(before);
    sessions = 5;
    await eventually(() => said().includes('STATUS=sessions: 5'));
  });

  it('gets none from an event loop that stands still', async () => {
    const told = open({ watchdogMs: 20 });
    await told.ready();
    await eventually(() => beats() >= 1);
    const from = said().length;
    const until = performance.now() + 300;
    while (performance.now() < until);
    // One may have been on its way.
    expect(said().length - from).toBeLessThanOrEqual(1);
  });

  it('that does not listen is not told, and a program that is not there is asked once', async () => {
    await open(undefined).ready();
    expect([said(), log.join('')]).toEqual([[], expect.stringContaining('no service manager listens')]);
    process.env.PATH = join(folder, 'nowhere');
    const told = open({ watchdogMs: undefined });
    await told.ready();
    await told.stopping();
    expect(log.filter((line) => line.includes('was not told reason=ENOENT'))).toHaveLength(1);
  });

  it('that answers with an error ends nothing', async () => {
    install('exit 1');
    const told = open({ watchdogMs: undefined });
    await told.ready();
    await told.stopping();
    expect(log.filter((line) => line.includes('was not told reason=1'))).toHaveLength(2);
  });
});
