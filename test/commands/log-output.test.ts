/** A gateway whose log nobody reads, as processes. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkBuild } from '../support/cli.js';
import { failedHandshakes, health, WITHOUT_HANDSHAKE_RATE } from '../support/noise.js';
import { RDGW } from '../support/program.js';
import { sleep } from '../support/wait.js';

// Thousands of connections, on cores that other tests use too.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let ends: (() => Promise<unknown>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-log-'));
  ends = [];
});
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  rmSync(folder, { recursive: true, force: true });
});

/** stderr of a gateway. Nothing is read before `read`. */
interface Stderr {
  readonly stdio: number | 'pipe';
  /** Reads until the text is complete. */
  read(isComplete: (text: string) => boolean): Promise<string>;
}

/** A pipe: what a shell makes of `rdgw serve 2>&1 | program`. */
function pipe(): Stderr {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  // Opening a pipe for reading and writing does not wait for the other end.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  ends.push(async () => closeSync(fd));
  let text = '';
  const chunk = Buffer.alloc(65_536);
  return {
    stdio: openedForWriting(path),
    async read(isComplete) {
      while (!isComplete(text)) {
        try {
          text += chunk.toString('utf8', 0, readSync(fd, chunk));
        } catch {
          await sleep(5);
        }
      }
      return text;
    },
  };
}

/** As a shell opens it: a write blocks while the pipe is full. */
function openedForWriting(path: string): number {
  const fd = openSync(path, constants.O_WRONLY);
  ends.push(async () => closeSync(fd));
  return fd;
}

const DROPPED = /event=log\.dropped lines=(\d+)\n/;
const failures = (text: string): number => text.split('event=tls.failed').length - 1;

interface Gateway {
  readonly port: number;
  readonly stderr: Stderr;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

async function startWith(stderr: Stderr | undefined, ...args: string[]): Promise<Gateway> {
  checkBuild();
  const child = spawn(process.execPath, [RDGW, 'serve', '--listen', '127.0.0.1:0', '--log-level', 'debug', ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      RDGW_DATA_DIR: join(folder, 'data'),
      ...WITHOUT_HANDSHAKE_RATE,
    },
    stdio: ['ignore', 'pipe', stderr?.stdio ?? 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  ends.unshift(() => {
    child.kill('SIGKILL');
    return exited;
  });
  let text = '';
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data;
  });
  while (!/listens on https:\/\/\S+:(\d+)/.test(output)) await sleep(10);
  return {
    port: Number(/listens on https:\/\/\S+:(\d+)/.exec(output)?.[1]),
    stderr: stderr ?? {
      // A socket pair, which is also what the systemd journal reads from.
      stdio: 'pipe',
      async read(isComplete) {
        child.stderr?.on('data', (data: Buffer) => {
          text += data;
        });
        while (!isComplete(text)) await sleep(5);
        return text;
      },
    },
    kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

describe('rdgw serve', () => {
  it.each([
    ['a pipe', pipe],
    ['a socket', () => undefined],
  ])('goes on while nobody reads %s at stderr, and tells later how many lines were dropped', async (_, open) => {
    const { port, stderr, kill } = await startWith(open());
    await failedHandshakes(port, 8000);
    expect(await health(folder, port)).toBe(200);
    const text = await stderr.read((all) => DROPPED.test(all));
    const [, dropped] = DROPPED.exec(text) ?? [];
    expect(failures(text) + Number(dropped)).toBe(8000);
    // Whole lines only, the last ones before the gap too.
    for (const line of text.split('\n').slice(0, -1))
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S+ (?:debug|info |warn |error) /);
    const ended = kill('SIGTERM');
    await stderr.read((all) => all.includes('event=gateway.stopped'));
    expect(await ended).toBe(0);
  });

  it('goes on with workers while nobody reads the pipe that they share', async () => {
    const { port, stderr, kill } = await startWith(pipe(), '--workers', '2');
    await failedHandshakes(port, 3000);
    expect(await health(folder, port)).toBe(200);
    const text = await stderr.read((all) => failures(all) === 3000);
    for (const line of text.split('\n').slice(0, -1))
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S+ (?:debug|info |warn |error) /);
    const ended = kill('SIGTERM');
    await stderr.read((all) => all.includes('event=gateway.stopped'));
    expect(await ended).toBe(0);
  });

  it('ends in time although nobody reads its log', async () => {
    const { port, kill } = await startWith(pipe(), '--drain', '0');
    await failedHandshakes(port, 1000);
    expect(await kill('SIGTERM')).toBe(0);
  });
});
