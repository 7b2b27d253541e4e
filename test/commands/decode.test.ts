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
  it('shows a capture in plain text that fits 80 columns', async () => {
    const { code, stdout, stderr } = await run([PCAP, '--keylog', KEYS]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('connection 1  WebSocket  127.0.0.1:36372 → 127.0.0.1:8451\n');
    expect(stdout).toContain('CHANNEL_CREATE  36 bytes\n');
    expect(stdout).not.toContain('\u001b');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('reads keys from SSLKEYLOGFILE, and from --keylog alone where that is given', async () => {
    const env = { SSLKEYLOGFILE: KEYS };
    expect((await run([PCAP, '--json'], { env })).code).toBe(0);
    const other = join(CAPTURES, 'fr2-ntlm-ws.keys');
    expect((await run([PCAP, '--keylog', other, '--json'], { env })).code).toBe(3);
  });

  it('prints one object with --json, and one for each event with --format ndjson', async () => {
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

  it('ends with 3 when nothing is understood, with --json too', async () => {
    const plain = await run([PCAP]);
    expect(plain.code).toBe(3);
    expect(plain.stdout).toContain('(TLS_NO_KEYS)');
    const json = await run([PCAP, '--json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ conversations: [], notes: [{ code: 'TLS_NO_KEYS' }] });
  });

  it('ends with 0 and a warning when the file is cut', async () => {
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
    ['a file and --hex', ['x.pcap', '--hex', '00'], /do not go together/],
    ['a wrong filter', ['x.pcap', '--filter', 'colour=red'], /filter/],
    ['--write with packets as text', ['--hex', '0d00000008000000', '--write', 'inner.pcap'], /come as text/],
    ['--inner with packets as text', ['--hex', '0d00000008000000', '--inner'], /come as text/],
    ['a wrong limit', ['x.pcap', '--limit', '0'], /limit/],
  ])('takes %s for wrong usage', async (_, args, words) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toMatch(words);
    const json = await run([...args, '--json']);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { message: expect.any(String) } });
  });

  it('tells a file that is not there by its name', async () => {
    const { code, stderr } = await run(['nowhere.pcap']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: .*no such file.*\n?.*nowhere\.pcap/);
  });

  it('reads stdin for -', async () => {
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

  it('stops when nobody reads any more, and that is success', async () => {
    const command = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}" decode "${PCAP}" --keylog "${KEYS}" --format ndjson --payload; echo "code $?" >&2`;
    const child = spawn('bash', ['-c', `{ ${command}; } | head -n 1`], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes) => {
      said += bytes;
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(said).toBe('code 0\n');
  });

  it('writes the RDP inside as a capture, for its owner alone', async () => {
    const file = join(cwd, 'inner.pcap');
    const { code, stderr } = await run([PCAP, '--keylog', KEYS, '--write', file, '--stats']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readFileSync(file).readUInt32LE(0)).toBe(0xa1b23c4d);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('writes all of it although nobody reads what is shown', async () => {
    const [whole, headed] = [join(cwd, 'whole.pcap'), join(cwd, 'headed.pcap')];
    await run([PCAP, '--keylog', KEYS, '--write', whole, '--stats']);
    const command = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}" decode "${PCAP}" --keylog "${KEYS}" --format ndjson --payload --write "${headed}"`;
    const child = spawn('bash', ['-c', `${command} | head -n 1`], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    await new Promise((resolve) => child.on('close', resolve));
    expect(readFileSync(headed).equals(readFileSync(whole))).toBe(true);
  });

  it('says so when there is nothing to write', async () => {
    const file = join(cwd, 'nothing.pcap');
    const { code, stderr } = await run([join(CLI_ROOT, 'examples/refused.pcapng'), '--stats', '--write', file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*nothing\.pcap: no conversation carried any data/);
    expect(statSync(file).size).toBe(24);
  });

  it('leaves nothing half written when it is interrupted', async () => {
    const folder = mkdtempSync(join(cwd, 'interrupted-'));
    const args = [join(CLI_ROOT, 'bin/run.js'), 'decode', '-', '--write', join(folder, 'inner.pcap')];
    const child = spawn(process.execPath, args, { cwd, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.write(Buffer.alloc(2));
    await vi.waitUntil(() => readdirSync(folder).length === 1, { timeout: 10_000 });
    child.kill('SIGINT');
    // The signal itself ends it, which a shell calls 130.
    expect(await new Promise((resolve) => child.on('close', (_code, signal) => resolve(signal)))).toBe('SIGINT');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'is ended by %s while it waits for a named pipe',
    async (signal) => {
      const pipe = join(cwd, `pipe-${signal}`);
      execFileSync('mkfifo', [pipe]);
      const args = [join(CLI_ROOT, 'bin/run.js'), 'decode', pipe, '--write', join(cwd, `${signal}.pcap`)];
      const child = spawn(process.execPath, args, { cwd, stdio: 'ignore' });
      const isWaiting = () => readdirSync(cwd).some((name) => name.startsWith(`${signal}.pcap`));
      // At once: a signal in the very moment in which the file appears must find somebody who takes it away again.
      while (!isWaiting()) await new Promise((resolve) => setImmediate(resolve));
      child.kill(signal);
      expect(await new Promise((resolve) => child.on('close', (_code, how) => resolve(how)))).toBe(signal);
      expect(isWaiting()).toBe(false);
    },
  );

  it('tells what cannot be written in the same way, whatever is in the way', async () => {
    const file = join(cwd, 'limited.pcap');
    const rdgw = `"${process.execPath}" "${join(CLI_ROOT, 'bin/run.js')}"`;
    const command = `ulimit -f 16; ${rdgw} decode "${PCAP}" --keylog "${KEYS}" --stats --write "${file}"`;
    const child = spawn('bash', ['-c', command], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes) => {
      said += bytes;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
    expect(said).toMatch(/^error: the capture cannot be written: it would be larger than is allowed \(WRITE_FAILED\)/);
    expect(existsSync(file)).toBe(false);
  });

  it('does not write over what stdout was sent to', async () => {
    const shown = openSync(join(cwd, 'shown.txt'), 'w');
    const { code, stderr } = await run([PCAP, '--keylog', KEYS, '--write', join(cwd, 'shown.txt')], { stdout: shown });
    closeSync(shown);
    expect(code).toBe(2);
    expect(stderr).toContain('stdout is for what is shown');
  });

  it('reads no more of a key log than one can have', async () => {
    const { code, stderr } = await run([PCAP, '--keylog', '/dev/zero']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: the file cannot be read: it is larger than \d+ bytes/);
  });

  it('shows one PDU given as hexadecimal text', async () => {
    const { code, stdout } = await run(['--hex', '0d00000008000000']);
    expect(code).toBe(0);
    expect(stdout).toContain('KEEPALIVE  8 bytes');
  });

  it('hides what NTLM proves unless --secrets asks for it', async () => {
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
