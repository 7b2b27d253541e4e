import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionSettings } from '../../src/rdpfile/connection.js';
import { parseRdp } from '../../src/rdpfile/parse.js';
import { saveRdp } from '../../src/rdpfile/save.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-save-'));
  path = join(folder, 'desk.rdp');
});
afterEach(() => rmSync(folder, { recursive: true }));

const settings = (host = 'desk', token = 'first') =>
  connectionSettings({ host, port: 3389 }, { host: 'gw', port: 8443 }, token);
const usage = (code: string) => expect.objectContaining({ kind: 'usage', code });

describe('saveRdp', () => {
  it('writes a private file and nothing else', async () => {
    const before = process.umask(0);
    expect(await saveRdp(path, settings(), false).finally(() => process.umask(before))).toBe(false);
    expect(parseRdp(readFileSync(path))).toEqual(settings());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['desk.rdp']);
  });

  it('replaces a file for the same target in any encoding, and makes it private', async () => {
    writeFileSync(path, 'audiomode:i:1\nFULL ADDRESS:s:Desk\n', { mode: 0o644 });
    expect(await saveRdp(path, settings(), false)).toBe(true);
    expect(await saveRdp(path, settings('desk', 'second'), false)).toBe(true);
    expect(parseRdp(readFileSync(path))).toEqual(settings('desk', 'second'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['for another target', 'full address:s:other\r\n'],
    ['for another port', 'full address:s:desk\r\nserver port:i:3390\r\n'],
    ['that is not an .rdp file', '#!/bin/sh\n'],
    ['that is empty', ''],
    ['that is huge', `full address:s:desk\n${'\n'.repeat(300_000)}`],
  ])('does not replace a file %s without force', async (_, text) => {
    writeFileSync(path, text);
    await expect(saveRdp(path, settings(), false)).rejects.toThrow(usage('FILE_EXISTS'));
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(await saveRdp(path, settings(), true)).toBe(true);
    expect(parseRdp(readFileSync(path))).toEqual(settings());
    expect(readdirSync(folder)).toEqual(['desk.rdp']);
  });

  it('never writes through a symbolic link', async () => {
    const elsewhere = join(folder, 'elsewhere.rdp');
    await saveRdp(elsewhere, settings(), false);
    const before = readFileSync(elsewhere);
    symlinkSync(elsewhere, path);
    const refused = saveRdp(path, settings('desk', 'second'), false);
    await expect(refused).rejects.toMatchObject({ code: 'FILE_EXISTS', message: 'the path is a symbolic link' });
    await saveRdp(path, settings('desk', 'second'), true);
    expect(readFileSync(elsewhere)).toEqual(before);
    expect(parseRdp(readFileSync(path))).toEqual(settings('desk', 'second'));
  });

  it('never replaces anything but a file or a link, even with force', async () => {
    mkdirSync(path);
    await expect(saveRdp(path, settings(), true)).rejects.toThrow(usage('FILE_KIND'));
    await expect(saveRdp('/dev/null', settings(), true)).rejects.toThrow(usage('FILE_KIND'));
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it.each([
    ['a device', () => '/dev/null'],
    ['a folder', () => folder],
    ['an open file of the process', () => '/dev/stdout'],
    ['the same through /proc', () => '/proc/self/fd/1'],
  ])('never replaces a link to %s, even with force', async (_, target) => {
    symlinkSync(target(), path);
    for (const force of [false, true]) {
      await expect(saveRdp(path, settings(), force)).rejects.toMatchObject({
        code: 'FILE_KIND',
        hint: expect.stringContaining('--output -'),
      });
    }
    expect(readlinkSync(path)).toBe(target());
    expect(readdirSync(folder)).toEqual(['desk.rdp']);
  });

  it('replaces a link to a missing file only with force', async () => {
    symlinkSync(join(folder, 'missing'), path);
    await expect(saveRdp(path, settings(), false)).rejects.toThrow(usage('FILE_EXISTS'));
    expect(await saveRdp(path, settings(), true)).toBe(true);
    expect(parseRdp(readFileSync(path))).toEqual(settings());
  });

  it.each([
    ['a folder that does not exist', 'missing/desk.rdp'],
    ['a name that is too long', `${'x'.repeat(300)}.rdp`],
  ])('fails for %s', async (_, name) => {
    await expect(saveRdp(join(folder, name), settings(), true)).rejects.toThrow(usage('FILE_UNWRITABLE'));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('fails for a folder that is not writable', async () => {
    await expect(saveRdp('/proc/desk.rdp', settings(), true)).rejects.toThrow(usage('FILE_UNWRITABLE'));
  });
});
