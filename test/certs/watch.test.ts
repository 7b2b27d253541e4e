import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { loadTlsFiles, type TlsFiles } from '../../src/certs/tls-files.js';
import { watchTlsFiles } from '../../src/certs/watch.js';
import type { Fault } from '../../src/fault.js';
import { eventually, sleep } from '../support/wait.js';

const authority = await issueAuthority('test', 'ecdsa', Date.now());
const [FIRST, SECOND, THIRD] = await Promise.all(
  [1, 2, 3].map(() => issueServer(authority, ['gw'], 'ecdsa', Date.now())),
);

/** Short, but longer than reading two files takes on a busy machine. */
const INTERVAL_MS = 10;
/** More checks than must fail before the files are reported. */
const LONG_MS = 20 * INTERVAL_MS;

let folder: string;
let inUse: TlsFiles;
let changes: number;
let faults: Fault[];
let stop: () => void;

const paths = () => ({ certPath: join(folder, 'live/cert.pem'), keyPath: join(folder, 'live/key.pem') });

/** Writes numbered files for the links in `live`, as in a folder of certbot. */
function archive(number: number, issued = FIRST): void {
  mkdirSync(join(folder, 'archive'), { recursive: true });
  writeFileSync(join(folder, `archive/cert${number}.pem`), issued?.certificate ?? '');
  writeFileSync(join(folder, `archive/key${number}.pem`), issued?.key ?? '');
}
function link(name: 'cert' | 'key', number: number): void {
  symlinkSync(`../archive/${name}${number}.pem`, join(folder, `live/${name}.new`));
  renameSync(join(folder, `live/${name}.new`), join(folder, `live/${name}.pem`));
}

const load = () => loadTlsFiles(paths().certPath, paths().keyPath);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-watch-'));
  mkdirSync(join(folder, 'live'));
  archive(1);
  link('cert', 1);
  link('key', 1);
  inUse = await load();
  changes = 0;
  faults = [];
  stop = watchTlsFiles({
    inUse: () => ({ ...paths(), tls: inUse }),
    changed: () => void changes++,
    unusable: (fault) => faults.push(fault),
    intervalMs: INTERVAL_MS,
  });
});
afterEach(() => {
  stop();
  rmSync(folder, { recursive: true });
});

describe('a watched certificate', () => {
  it('is reported once when the targets of its links are replaced, and again at the next replacement', async () => {
    archive(2, SECOND);
    link('cert', 2);
    link('key', 2);
    await eventually(() => changes === 1);
    inUse = await load();
    archive(3, THIRD);
    link('cert', 3);
    link('key', 3);
    await eventually(() => changes === 2);
    inUse = await load();
    await sleep(LONG_MS);
    expect([changes, faults]).toEqual([2, []]);
  });

  it('is not reported while its key is still the old one, or a file is missing', async () => {
    archive(2, SECOND);
    link('cert', 2);
    await eventually(() => faults.length === 1);
    expect(faults[0]).toMatchObject({ code: 'TLS_KEY_MISMATCH', place: paths().keyPath });
    rmSync(paths().keyPath);
    await sleep(LONG_MS);
    expect([changes, faults.length]).toEqual([0, 1]);
    link('key', 2);
    await eventually(() => changes === 1);
  });

  it('is not reported before it is written completely', async () => {
    const half = SECOND?.certificate.slice(0, 200) ?? '';
    rmSync(paths().certPath);
    rmSync(paths().keyPath);
    writeFileSync(paths().certPath, half);
    writeFileSync(paths().keyPath, SECOND?.key ?? '');
    await sleep(3 * INTERVAL_MS);
    expect(changes).toBe(0);
    writeFileSync(paths().certPath, SECOND?.certificate ?? '');
    await eventually(() => changes === 1);
  });

  it('is reported once if it is not used, and a different one is reported again', async () => {
    archive(2, SECOND);
    link('cert', 2);
    link('key', 2);
    await eventually(() => changes === 1);
    await sleep(LONG_MS);
    expect(changes).toBe(1);
    archive(3, THIRD);
    link('cert', 3);
    link('key', 3);
    await eventually(() => changes === 2);
  });

  it('is not reported after the watch has stopped', async () => {
    stop();
    archive(2, SECOND);
    link('cert', 2);
    link('key', 2);
    await sleep(LONG_MS);
    expect(changes).toBe(0);
  });
});
