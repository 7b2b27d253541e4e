import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/gateway/report/log.js';
import { checkKeylog, openKeylog } from '../../src/serve/keylog.js';

let folder = '';
let path = '';
let lines: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-keylog-'));
  path = join(folder, 'keys.txt');
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) });
const modeOf = (file: string) => statSync(file).mode & 0o777;
const refused = (code: string) => expect.objectContaining({ kind: 'configuration', code, place: path });

describe('the key log', () => {
  it('is private, appended to, and logged with a warning', () => {
    const before = process.umask(0);
    try {
      openKeylog(path, log).write(Buffer.from('one\n'));
    } finally {
      process.umask(before);
    }
    openKeylog(path, log).write(Buffer.from('two\n'));
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    expect(modeOf(path)).toBe(0o600);
    expect(lines).toEqual(Array(2).fill(expect.stringContaining('event=keylog.opened')));
  });

  it('is logged by one of several workers only, and written by all', () => {
    for (const logsWarnings of [true, false]) openKeylog(path, log, logsWarnings).write(Buffer.from('line\n'));
    expect(lines).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe('line\nline\n');
  });

  it('loses permissions of other users, with a warning if they could read it', () => {
    writeFileSync(path, 'old\n');
    chmodSync(path, 0o644);
    openKeylog(path, log);
    expect(modeOf(path)).toBe(0o600);
    expect(lines.join('')).toContain('event=keylog.was_readable');
    lines = [];
    chmodSync(path, 0o620);
    openKeylog(path, log);
    expect(modeOf(path)).toBe(0o600);
    expect(lines.join('')).not.toContain('event=keylog.was_readable');
    expect(readFileSync(path, 'utf8')).toBe('old\n');
  });

  it.runIf(process.getuid?.() === 0)('is used with a warning if it belongs to another user', () => {
    writeFileSync(path, '', { mode: 0o600 });
    chownSync(path, 65_534, 65_534);
    openKeylog(path, log);
    expect(lines.join('')).toContain('belongs to another user');
  });

  it.each([
    ['a link to a file', () => symlinkSync(join(folder, 'elsewhere'), path)],
    ['a folder', () => mkdirSync(path)],
    ['a pipe', () => void execFileSync('mkfifo', [path])],
    ['a link to a device', () => symlinkSync('/dev/null', path)],
  ])('is not %s', (_, make) => {
    writeFileSync(join(folder, 'elsewhere'), '');
    make();
    expect(() => openKeylog(path, log)).toThrow(refused('KEYLOG_KIND'));
    expect(() => checkKeylog(path)).toThrow(refused('KEYLOG_KIND'));
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('');
    expect(lines).toEqual([]);
  });

  it('is not a device, not even /dev/null', () => {
    expect(() => openKeylog('/dev/null', log)).toThrow(expect.objectContaining({ code: 'KEYLOG_KIND' }));
    expect(() => checkKeylog('/dev/null')).toThrow(expect.objectContaining({ code: 'KEYLOG_KIND' }));
  });

  it('needs an existing folder', () => {
    path = join(folder, 'nowhere', 'keys.txt');
    expect(() => openKeylog(path, log)).toThrow(refused('KEYLOG_UNWRITABLE'));
    expect(() => checkKeylog(path)).toThrow(refused('KEYLOG_UNWRITABLE'));
  });

  it('is neither created nor changed by a check', () => {
    checkKeylog(path);
    expect(() => statSync(path)).toThrow('ENOENT');
    writeFileSync(path, 'old\n');
    chmodSync(path, 0o644);
    checkKeylog(path);
    expect(modeOf(path)).toBe(0o644);
  });
});
