import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Accounts, distrustOf, isReadableByOthers, readTrusted } from '../src/files.js';

const ALICE = 1000;
const BOB = 1001;
const STAFF = 50;
const ACCOUNTS: Accounts = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    `alice:x:${ALICE}:${ALICE}::/home/alice:/bin/sh`,
    `bob:x:${BOB}:${BOB}::/home/bob:/bin/sh`,
    `carol:x:1002:${STAFF}::/home/carol:/bin/sh`,
    '',
  ].join('\n'),
  group: [
    'root:x:0:',
    `alice:x:${ALICE}:`,
    `bob:x:${BOB}:alice,bob`,
    `staff:x:${STAFF}:`,
    'ssl-cert:x:110:alice',
    '',
  ].join('\n'),
};
const owners = [ALICE, 0];

function owned(uid: number, gid: number, mode: number, isFolder = false) {
  return { uid, gid, mode, isDirectory: () => isFolder };
}

describe.runIf(process.platform !== 'win32')('a file that decides about access', () => {
  it.each([
    ['of the user', owned(ALICE, ALICE, 0o600), undefined],
    ['of root', owned(0, 0, 0o644), undefined],
    ['of somebody else', owned(BOB, BOB, 0o600), 'foreign'],
    ['that all can write', owned(ALICE, ALICE, 0o666), 'writable'],
    ['of root that all can write', owned(0, 0, 0o666), 'writable'],
    ["that the user's private group can write", owned(ALICE, ALICE, 0o664), undefined],
    ["that root's group can write", owned(ALICE, 0, 0o664), undefined],
    ['that a group with another first member can write', owned(1002, STAFF, 0o664), 'foreign'],
    ["that another user's group can write", owned(ALICE, BOB, 0o664), 'writable'],
    ['that a group of several can write', owned(ALICE, STAFF, 0o660), 'writable'],
    ['that an unknown group can write', owned(ALICE, 4711, 0o660), 'writable'],
    ['that a group may read', owned(0, 110, 0o640), undefined],
    ['that is a folder for all with the sticky bit', owned(0, 0, 0o1777, true), undefined],
    ['that is a folder for all without it', owned(0, 0, 0o777, true), 'writable'],
    ['that is a file with the sticky bit', owned(ALICE, ALICE, 0o1666), 'writable'],
  ] as const)('%s', (_, stats, expected) => {
    expect(distrustOf(stats, owners, () => ACCOUNTS)).toBe(expected);
  });

  it('has no private group where a second user has the same one, as a member or as the first group', () => {
    const withMember = { ...ACCOUNTS, group: ACCOUNTS.group.replace(`alice:x:${ALICE}:`, `alice:x:${ALICE}:bob`) };
    const withFirst = { ...ACCOUNTS, passwd: ACCOUNTS.passwd.replace(`:1002:${STAFF}:`, `:1002:${ALICE}:`) };
    for (const accounts of [withMember, withFirst, { passwd: '', group: '' }])
      expect(distrustOf(owned(ALICE, ALICE, 0o664), owners, () => accounts)).toBe('writable');
  });
});

describe.runIf(process.platform !== 'win32')('a secret', () => {
  it.each([
    ['is private', owned(ALICE, ALICE, 0o600), false],
    ['is read by all', owned(ALICE, ALICE, 0o604), true],
    ['is read by all, and root wants it so', owned(0, 0, 0o644), true],
    ['is read by the private group', owned(ALICE, ALICE, 0o640), false],
    ['is read by a group that the user chose', owned(ALICE, STAFF, 0o640), true],
    ['is read by a group that root chose', owned(0, 110, 0o640), false],
  ] as const)('%s', (_, stats, expected) => {
    expect(isReadableByOthers(stats, () => ACCOUNTS)).toBe(expected);
  });
});

describe.runIf(process.platform !== 'win32')('readTrusted', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdgw-files-'));
    path = join(folder, 'file');
    writeFileSync(path, 'text', { mode: 0o600 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads a file of the user', async () => {
    expect(await readTrusted(path, 'the file')).toMatchObject({ text: 'text', stats: { size: 4 } });
  });

  it('refuses one that others can write, with its mode and the cure', async () => {
    chmodSync(path, 0o606);
    await expect(readTrusted(path, 'the file')).rejects.toMatchObject({
      kind: 'configuration',
      code: 'FILE_WRITABLE',
      message: 'other users can write the file (mode 0606)',
      place: path,
      hint: expect.stringContaining('chmod'),
    });
  });

  it.runIf(process.getuid?.() === 0)('refuses one of another user, unless that user is named', async () => {
    chownSync(path, 65_534, 65_534);
    await expect(readTrusted(path, 'the file')).rejects.toMatchObject({
      code: 'FILE_FOREIGN',
      message: 'the file belongs to another user (uid 65534)',
      hint: expect.stringContaining('chown'),
    });
    expect((await readTrusted(path, 'the file', [65_534])).text).toBe('text');
    expect(statSync(path).uid).toBe(65_534);
  });
});
