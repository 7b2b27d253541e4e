import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogOutput } from '../../src/serve/log-output.js';
import { openStderr } from '../../src/serve/stderr.js';
import { eventually } from '../support/wait.js';

let folder: string;
let open: number[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-stderr-'));
  open = [];
});
afterEach(() => {
  for (const fd of open) closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
});

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
}

const outputTo = (fd: number): LogOutput => new LogOutput((events) => openStderr(fd, events));
const LINES = Array.from({ length: 500 }, (_, index) => `line ${index} ${'x'.repeat(index)}\n`);

/** Whether writes to this open file do not block, from its flags in octal. */
function isNonBlocking(fd: number): boolean {
  const [, flags = '0'] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
}

describe.runIf(process.platform === 'linux')('stderr', () => {
  it('that is a file gets all lines in order', async () => {
    const output = outputTo(opened(join(folder, 'log'), 'a'));
    for (const line of LINES) output.write(line);
    await eventually(() => readFileSync(join(folder, 'log'), 'utf8').length === LINES.join('').length);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe(LINES.join(''));
  });

  it('that is a file gets the rest when the process exits', async () => {
    const output = outputTo(opened(join(folder, 'log'), 'a'));
    for (const line of LINES) output.write(line);
    output.exit();
    expect(output.waiting).toBe(0);
    // The first line is written by a thread meanwhile.
    const sorted = (lines: readonly string[]): string[] => [...lines].sort();
    const written = (): string[] => readFileSync(join(folder, 'log'), 'utf8').split(/(?<=\n)/);
    await eventually(() => written().length === LINES.length);
    expect(sorted(written())).toEqual(sorted(LINES));
  });

  it('that is a full device loses lines, and that is all', () => {
    const output = outputTo(opened('/dev/full', 'w'));
    output.write('lost\n');
    expect(output.waiting).toBe(0);
  });

  it('that is a pipe nobody reads keeps the lines until somebody does, and stays a blocking one for other processes', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = opened(path, constants.O_RDWR);
    const fd = opened(path, constants.O_WRONLY);
    const output = outputTo(fd);
    for (const line of LINES) output.write(line);
    expect(output.waiting).toBeGreaterThan(0);
    expect(isNonBlocking(fd)).toBe(false);
    let text = '';
    const chunk = Buffer.alloc(65_536);
    while (text.length < LINES.join('').length) {
      text += chunk.toString('utf8', 0, readSync(reader, chunk));
      await output.flush(1000);
    }
    expect(text).toBe(LINES.join(''));
  });
});
