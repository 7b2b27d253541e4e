import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyLog } from '../../src/capture/tls/keylog.js';
import { readKeylogs } from '../../src/decode/keylogs.js';
import { vector } from './helper.js';

const [KEYS = ''] = vector('fr2-paa-ws').keylogs;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-keylogs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(...keylogs: string[]): Promise<{ size: number; warnings: string[] }> {
  const keys = new KeyLog();
  const warnings = await readKeylogs(keys, { keylogs, environmentKeylog: undefined });
  return { size: keys.size, warnings };
}

describe('key logs', () => {
  it('may be ASCII, UTF-8 or UTF-16', async () => {
    const { size } = await read(KEYS);
    expect(size).toBeGreaterThan(0);
    const text = readFileSync(KEYS, 'latin1').replaceAll('\n', '\r\n');
    expect(await read(write('utf16.txt', Buffer.from(`\ufeff${text}`, 'utf16le')))).toEqual({ size, warnings: [] });
    expect(await read(write('utf8.txt', `\ufeff${text.slice(text.indexOf('CLIENT_'))}`))).toMatchObject({
      warnings: [],
    });
  });

  it('may contain the same keys twice', async () => {
    expect((await read(KEYS, KEYS)).warnings).toEqual([]);
  });

  it('without a key cause a warning', async () => {
    const wrong = write('wrong.txt', 'one\n\ntwo\n');
    expect(await read(wrong)).toEqual({
      size: 0,
      warnings: [`${wrong}: no TLS keys in 2 lines; is this a key log?`],
    });
    const empty = write('empty.txt', '');
    expect((await read(empty)).warnings).toEqual([`${empty}: the key log is empty`]);
  });

  it('that are missing cause a fault with a hint about key logs', async () => {
    await expect(read('/nowhere/keys.txt')).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      place: '/nowhere/keys.txt',
      hint: expect.stringMatching(/key log/),
    });
  });

  it('of the environment that are missing cause a warning only', async () => {
    const keys = new KeyLog();
    const warnings = await readKeylogs(keys, { keylogs: [KEYS], environmentKeylog: '/nowhere/keys.txt' });
    expect(warnings).toEqual(['SSLKEYLOGFILE: the file cannot be read: no such file (/nowhere/keys.txt)']);
    expect(keys.size).toBeGreaterThan(0);
  });
});
