import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CLI_ROOT, type CliOptions, type CliRun, rdgw } from '../support/cli.js';

const CAPTURES = join(CLI_ROOT, 'test/vectors/captures');
const PCAP = join(CAPTURES, 'fr2-paa-ws.pcap.gz');
const KEYS = join(CAPTURES, 'fr2-paa-ws.keys');

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'rdgw-decode-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const run = (args: readonly string[], options: Partial<CliOptions> = {}): Promise<CliRun> =>
  rdgw(['decode', ...args], { cwd, ...options });

describe('rdgw decode', () => {
  it('prints a capture as plain text within 80 columns', async () => {
    const { code, stdout, stderr } = await run([PCAP, '--keylog', KEYS]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('connection 1  WebSocket  127.0.0.1:36372 → 127.0.0.1:8451\n');
    expect(stdout).toContain('CHANNEL_CREATE  36 bytes\n');
    expect(stdout).not.toContain('\u001b');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('takes one file for each --keylog, so that the capture may follow', async () => {
    const { code, stdout } = await run(['--keylog', KEYS, '--keylog', KEYS, PCAP, '--stats']);
    expect(code).toBe(0);
    expect(stdout).toContain('connection 1');
  });

  it('reads keys from SSLKEYLOGFILE, but only from --keylog if it is given', async () => {
    const env = { SSLKEYLOGFILE: KEYS };
    expect((await run([PCAP, '--json'], { env })).code).toBe(0);
    const other = join(CAPTURES, 'fr2-ntlm-ws.keys');
    expect((await run([PCAP, '--keylog', other, '--json'], { env })).code).toBe(3);
  });

  it('prints one object with --json, and one object per event with --format ndjson', async () => {
    const { stdout, stderr } = await run([PCAP, '--keylog', KEYS, '--json']);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      pdus: 86,
      conversations: [{ dataBytes: { 'client-to-server': 3386, 'server-to-client': 325565 } }],
    });
    const events = (await run([PCAP, '--keylog', KEYS, '--format', 'ndjson'])).stdout.trimEnd().split('\n');
    const types = events.map((line) => JSON.parse(line).type);
    expect(types.filter((type) => type === 'pdu')).toHaveLength(86);
    expect(types.at(-1)).toBe('end');
  });

  it('exits with 3 if nothing could be decoded, with --json too', async () => {
    const plain = await run([PCAP]);
    expect(plain.code).toBe(3);
    expect(plain.stdout).toContain('(TLS_NO_KEYS)');
    const json = await run([PCAP, '--json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ conversations: [], notes: [{ code: 'TLS_NO_KEYS' }] });
  });

  it('exits with 0 and a warning for a truncated file', async () => {
    const cut = join(cwd, 'cut.pcapng.gz');
    copyFileSync(join(CAPTURES, 'fr3-ext-ws.dsb.pcapng.gz'), cut);
    const { truncateSync } = await import('node:fs');
    truncateSync(cut, Math.floor(statSync(cut).size / 2));
    const { code, stdout, stderr } = await run([cut]);
    expect(code).toBe(0);
    expect(stdout).toContain('CHANNEL_RESPONSE');
    expect(stderr).toMatch(
      /^warning: .*cut\.pcapng\.gz: the gzip data ends in the middle, at byte \d+ \(CAPTURE_TRUNCATED\)\n$/,
    );
  });

  it.each([
    ['nothing', [], /nothing to decode/],
    ['a file and --hex', ['x.pcap', '--hex', '00'], /cannot be combined/],
    ['a wrong filter', ['x.pcap', '--filter', 'colour=red'], /filter/],
    ['--write with packets as text', ['--hex', '0d00000008000000', '--write', 'inner.pcap'], /need a capture/],
    ['--inner with packets as text', ['--hex', '0d00000008000000', '--inner'], /need a capture/],
    ['a wrong limit', ['x.pcap', '--limit', '0'], /limit/],
  ])('rejects %s as wrong usage', async (_, args, pattern) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toMatch(pattern);
    const json = await run([...args, '--json']);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { message: expect.any(String) } });
  });

  it('names a missing file in the error', async () => {
    const { code, stderr } = await run(['nowhere.pcap']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: .*no such file.*\n?.*nowhere\.pcap/);
  });

  it('reads stdin if the file is -', async () => {
    const child = spawn(process.execPath, [join(CLI_ROOT, 'bin/run.js'), 'decode', '-', '--keylog', KEYS, '--stats'], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createReadStream(PCAP).pipe(child.stdin);
    let text = '';
    child.stdout.on('data', (bytes) => {
      text += bytes;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(text).toContain('1 conversation, 86 PDUs');
  });

  it('stops with success when the reader of stdout closes the pipe', async () => {
    const command = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}" decode "${PCAP}" --keylog "${KEYS}" --format ndjson --payload; echo "code $?" >&2`;
    const child = spawn('bash', ['-c', `{ ${command}; } | head -n 1`], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toBe('code 0\n');
  });

  it('writes the inner RDP traffic as a capture, readable by its owner only', async () => {
    const file = join(cwd, 'inner.pcap');
    const { code, stderr } = await run([PCAP, '--keylog', KEYS, '--write', file, '--stats']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readFileSync(file).readUInt32LE(0)).toBe(0xa1b23c4d);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('writes the whole capture although the reader of stdout closes the pipe', async () => {
    const [whole, headed] = [join(cwd, 'whole.pcap'), join(cwd, 'headed.pcap')];
    await run([PCAP, '--keylog', KEYS, '--write', whole, '--stats']);
    const command = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}" decode "${PCAP}" --keylog "${KEYS}" --format ndjson --payload --write "${headed}"`;
    const child = spawn('bash', ['-c', `${command} | head -n 1`], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    await new Promise((resolve) => child.on('close', resolve));
    expect(readFileSync(headed).equals(readFileSync(whole))).toBe(true);
  });

  it('warns if the written capture is empty', async () => {
    const file = join(cwd, 'nothing.pcap');
    const { code, stderr } = await run([join(CLI_ROOT, 'examples/refused.pcapng'), '--stats', '--write', file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*nothing\.pcap: no conversation carried any data/);
    expect(statSync(file).size).toBe(24);
  });

  it('leaves no partial file behind when it is interrupted', async () => {
    const folder = mkdtempSync(join(cwd, 'interrupted-'));
    const args = [join(CLI_ROOT, 'bin/run.js'), 'decode', '-', '--write', join(folder, 'inner.pcap')];
    const child = spawn(process.execPath, args, { cwd, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.write(Buffer.alloc(2));
    await vi.waitUntil(() => readdirSync(folder).length === 1, { timeout: 10_000 });
    child.kill('SIGINT');
    // The process is killed by the signal, which a shell reports as 130.
    expect(await new Promise((resolve) => child.on('close', (_code, signal) => resolve(signal)))).toBe('SIGINT');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends on %s while it waits for a named pipe', async (signal) => {
    const pipe = join(cwd, `pipe-${signal}`);
    execFileSync('mkfifo', [pipe]);
    const args = [join(CLI_ROOT, 'bin/run.js'), 'decode', pipe, '--write', join(cwd, `${signal}.pcap`)];
    const child = spawn(process.execPath, args, { cwd, stdio: 'ignore' });
    const isWaiting = () => readdirSync(cwd).some((name) => name.startsWith(`${signal}.pcap`));
    // The signal is sent as soon as the file exists: even then the file must be removed.
    while (!isWaiting()) await new Promise((resolve) => setImmediate(resolve));
    child.kill(signal);
    expect(await new Promise((resolve) => child.on('close', (_code, how) => resolve(how)))).toBe(signal);
    expect(isWaiting()).toBe(false);
  });

  it('reports a failed write in the same way as a file that cannot be opened', async () => {
    const file = join(cwd, 'limited.pcap');
    const rdgw = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}"`;
    const command = `ulimit -f 16; ${rdgw} decode "${PCAP}" --keylog "${KEYS}" --stats --write "${file}"`;
    const child = spawn('bash', ['-c', command], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
    expect(stderr).toMatch(/^error: the capture cannot be written: it exceeds the file size limit \(WRITE_FAILED\)/);
    expect(existsSync(file)).toBe(false);
  });

  it('does not overwrite the file to which stdout is redirected', async () => {
    const shown = openSync(join(cwd, 'shown.txt'), 'w');
    const { code, stderr } = await run([PCAP, '--keylog', KEYS, '--write', join(cwd, 'shown.txt')], { stdout: shown });
    closeSync(shown);
    expect(code).toBe(2);
    expect(stderr).toContain('stdout is used for the decoded output');
  });

  it('limits the size of a key log', async () => {
    const { code, stderr } = await run([PCAP, '--keylog', '/dev/zero']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: the file cannot be read: it is larger than \d+ bytes/);
  });

  it('decodes one PDU given as hexadecimal text', async () => {
    const { code, stdout } = await run(['--hex', '0d00000008000000']);
    expect(code).toBe(0);
    expect(stdout).toContain('KEEPALIVE  8 bytes');
  });

  it('hides NTLM responses without --secrets', async () => {
    const [file, keys] = ['fr2-ntlm-ws.pcapng.gz', 'fr2-ntlm-ws.keys'].map((name) => join(CAPTURES, name)) as [
      string,
      string,
    ];
    const shown = async (...args: string[]): Promise<boolean> =>
      /"ntResponse"|ntChallengeResponse|NtChallengeResponse/i.test(
        (await run([file, '--keylog', keys, '--format', 'ndjson', ...args])).stdout,
      );
    expect(await shown()).toBe(false);
    expect(await shown('--secrets')).toBe(true);
  });
});
