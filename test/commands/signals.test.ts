/** Signals that `rdgw` gets from outside, as processes. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tlsSocket } from '../support/client.js';
import { type Program, startRdgw } from '../support/program.js';
import { eventually } from '../support/wait.js';

// Up to three processes start in each test, on cores that other tests use too.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let running: Program[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-signals-'));
  running = [];
});
afterEach(async () => {
  for (const run of running) run.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  rmSync(folder, { recursive: true, force: true });
});

/** What Node prints when it starts its debugger, also where another process has the port. */
const DEBUGGER = /Debugger listening|Starting inspector/;

function rdgw(args: readonly string[], nodeOptions = ''): Program {
  const env = {
    HOME: folder,
    TMPDIR: folder,
    RDGW_DATA_DIR: join(folder, 'data'),
    NODE_OPTIONS: nodeOptions,
  };
  const run = startRdgw(args, { cwd: folder, env });
  running.push(run);
  return run;
}

async function listening(args: readonly string[], nodeOptions?: string): Promise<{ run: Program; port: number }> {
  const run = rdgw(['serve', '--listen', '127.0.0.1:0', ...args], nodeOptions);
  const [, port] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
  return { run, port: Number(port) };
}

/** Makes a TLS connection, whose secrets go to the key log. */
async function connect(port: number): Promise<void> {
  const socket = await tlsSocket({ port, ca: readFileSync(join(folder, 'data/ca.pem'), 'utf8') });
  socket.destroy();
}

/** The ids of the worker processes of this test. */
function workersOf(run: Program): number[] {
  return [...run.stderr().matchAll(/event=worker\.started worker=\d+ pid=(\d+)/g)].map(([, pid]) => Number(pid));
}

async function expectDrained(run: Program): Promise<void> {
  run.kill('SIGTERM');
  expect(await run.code).toBe(0);
  expect(run.stderr()).not.toMatch(DEBUGGER);
}

describe.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
])('rdgw serve with %s', (_, args) => {
  it('opens the key log anew on SIGUSR1, as log rotation wants it, and opens no debugger', async () => {
    const { run, port } = await listening([...args, '--keylog', 'keys.txt']);
    const [path, rotated] = [join(folder, 'keys.txt'), join(folder, 'keys.txt.1')];
    await connect(port);
    await eventually(() => readFileSync(path, 'utf8') !== '');
    renameSync(path, rotated);
    run.kill('SIGUSR1');
    await run.waitForOutput(/event=logs\.reopened signal=SIGUSR1 file=\S*keys\.txt\n/);
    const before = readFileSync(rotated, 'utf8');
    // The kernel chooses the worker.
    for (let count = 0; count < 8; count++) await connect(port);
    await eventually(() => readFileSync(path, 'utf8').split('\n').length > 8);
    expect(readFileSync(rotated, 'utf8')).toBe(before);
    await expectDrained(run);
  });

  it('goes on with the former key log where the new one cannot be opened', async () => {
    const { run, port } = await listening([...args, '--keylog', 'keys.txt']);
    const [path, rotated] = [join(folder, 'keys.txt'), join(folder, 'keys.txt.1')];
    renameSync(path, rotated);
    writeFileSync(join(folder, 'elsewhere'), '');
    symlinkSync('elsewhere', path);
    run.kill('SIGUSR1');
    await run.waitForOutput(/event=keylog\.reopen_failed .*code=KEYLOG_KIND/);
    await connect(port);
    await eventually(() => readFileSync(rotated, 'utf8') !== '');
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('');
    await expectDrained(run);
  });

  it('ignores SIGUSR1 without a file to open anew, and SIGUSR2, each with a line', async () => {
    const { run, port } = await listening(args);
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      run.kill(signal);
      await run.waitForOutput(new RegExp(`event=signal\\.ignored signal=${signal}`));
    }
    await connect(port);
    await expectDrained(run);
  });

  it('has handled both before its modules are loaded', async () => {
    // Runs after bin/run.js and before the modules that it imports.
    const early = join(folder, 'early.cjs');
    writeFileSync(
      early,
      `setImmediate(() => { for (const name of ['SIGUSR1', 'SIGUSR2']) process.kill(process.pid, name); });`,
    );
    const { run, port } = await listening(args, `--require=${early}`);
    await connect(port);
    await expectDrained(run);
  });
});

it('a worker ignores SIGUSR1 and SIGUSR2: its primary handles them', async () => {
  const { run, port } = await listening(['--workers', '2']);
  await eventually(() => workersOf(run).length === 2);
  for (const pid of workersOf(run)) for (const signal of ['SIGUSR1', 'SIGUSR2']) process.kill(pid, signal);
  // A worker that ended would close its connections and be replaced.
  for (let count = 0; count < 8; count++) await connect(port);
  await expectDrained(run);
  expect(run.stderr()).not.toContain('event=worker.crashed');
});

it('another command opens no debugger on SIGUSR1', async () => {
  const program = join(folder, 'signal.cjs');
  writeFileSync(
    program,
    `setImmediate(() => {
       process.kill(process.pid, 'SIGUSR1');
       setTimeout(() => require('node:fs').writeFileSync('later', ''), 200);
     });`,
  );
  const run = rdgw(['explain', '0x800759DA'], `--require=${program}`);
  expect(await run.code).toBe(0);
  expect(existsSync(join(folder, 'later'))).toBe(true);
  expect(run.stderr()).not.toMatch(DEBUGGER);
});

it('closes the debugger that a SIGUSR1 opened before the first line of the program', async () => {
  const early = join(folder, 'early.cjs');
  writeFileSync(
    early,
    `const inspector = require('node:inspector');
     process.kill(process.pid, 'SIGUSR1');
     while (inspector.url() === undefined);
     process.on('exit', () => require('node:fs').writeFileSync('open', String(inspector.url())));`,
  );
  const run = rdgw(['explain', '0x800759DA'], `--require=${early}`);
  expect(await run.code).toBe(0);
  expect(readFileSync(join(folder, 'open'), 'utf8')).toBe('undefined');
});
