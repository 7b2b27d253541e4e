/** Tests the messages and their order with a fake systemd-notify. An end-to-end test uses the real one. */
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
let openNotifier: Notifier | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-notify-'));
  log = [];
  isAlive = true;
  sessions = 0;
  install('echo "$*" >> "$0.sent"');
});
afterEach(() => {
  openNotifier?.close();
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
  openNotifier = new Notifier({
    manager,
    log: createLog({ level: 'debug', format: 'text', write: (line) => void log.push(line) }),
    status: () => `sessions: ${sessions}`,
    isAlive: () => isAlive,
  });
  return openNotifier;
}

/** The messages so far, without their `--pid` argument. */
function sentMessages(): string[] {
  const file = join(folder, 'systemd-notify.sent');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => line.replace(`--pid=${process.pid} `, '').replace(/(?<=MONOTONIC_USEC=)\d+/, 'N'));
}
const watchdogMessages = (): number => sentMessages().filter((line) => line.startsWith('WATCHDOG=1')).length;

describe('the service manager', () => {
  it('gets the start, a reload and the end in order, and the status when it has changed', async () => {
    const notifier = open({ watchdogMs: undefined });
    void notifier.ready();
    void notifier.reloading();
    sessions = 2;
    void notifier.ready();
    void notifier.ready();
    await notifier.stopping();
    expect(sentMessages()).toEqual([
      'READY=1 STATUS=sessions: 0',
      'RELOADING=1 MONOTONIC_USEC=N',
      'READY=1 STATUS=sessions: 2',
      'READY=1',
      'STOPPING=1',
    ]);
  });

  it('gets no READY=1 after STOPPING=1', async () => {
    const notifier = open({ watchdogMs: undefined });
    void notifier.stopping();
    await notifier.ready();
    expect(sentMessages()).toEqual(['STOPPING=1 STATUS=sessions: 0']);
  });

  it('gets watchdog messages only while the gateway is alive', async () => {
    const notifier = open({ watchdogMs: 20 });
    await notifier.ready();
    await eventually(() => watchdogMessages() >= 2);
    isAlive = false;
    // A message may have been queued already.
    await notifier.reloading();
    const before = watchdogMessages();
    await sleep(200);
    expect(watchdogMessages()).toBe(before);
    sessions = 5;
    await eventually(() => sentMessages().includes('STATUS=sessions: 5'));
  });

  it('gets no watchdog messages while the event loop is blocked', async () => {
    const notifier = open({ watchdogMs: 20 });
    await notifier.ready();
    await eventually(() => watchdogMessages() >= 1);
    const from = sentMessages().length;
    const until = performance.now() + 300;
    while (performance.now() < until);
    // A message may have been queued before.
    expect(sentMessages().length - from).toBeLessThanOrEqual(1);
  });

  it('gets nothing if there is none, and a missing program is run once', async () => {
    await open(undefined).ready();
    expect([sentMessages(), log.join('')]).toEqual([[], expect.stringContaining('event=systemd.absent')]);
    process.env.PATH = join(folder, 'nowhere');
    const notifier = open({ watchdogMs: undefined });
    await notifier.ready();
    await notifier.stopping();
    expect(log.filter((line) => line.includes('event=systemd.failed reason=ENOENT'))).toHaveLength(1);
  });

  it('may be unreachable: the notifier goes on after an error', async () => {
    install('exit 1');
    const notifier = open({ watchdogMs: undefined });
    await notifier.ready();
    await notifier.stopping();
    expect(log.filter((line) => line.includes('event=systemd.failed reason=1'))).toHaveLength(2);
  });
});
