import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTokenKey } from '../../src/certs/token-key.js';
import { mintToken } from '../../src/policy/token.js';
import { RawClient, rdgHead, request as requestOver, tlsSocket } from '../support/client.js';
import { type Program, startRdgw } from '../support/program.js';
import { echoTarget } from '../support/target.js';

let folder: string;
let running: Program[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-serve-'));
  running = [];
});
afterEach(async () => {
  for (const run of running) run.kill('SIGKILL');
  await Promise.all(running.map(({ code }) => code));
  rmSync(folder, { recursive: true, force: true });
});

function rdgw(...args: string[]): Program {
  const env = { HOME: folder, RDGW_DATA_DIR: join(folder, 'data') };
  const run = startRdgw(args, { cwd: folder, env });
  running.push(run);
  return run;
}

async function listening(...args: string[]): Promise<{ run: Program; port: number }> {
  const run = rdgw('serve', '--listen', '127.0.0.1:0', ...args);
  const [, port] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
  return { run, port: Number(port) };
}

function health(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(join(folder, 'data/ca.pem'));
    const get = request({ host: '127.0.0.1', port, path: '/healthz', ca, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    get.on('error', reject).end();
  });
}

describe('rdgw serve', () => {
  it('creates its keys at the first start, prints the command to try next, and keeps the keys later', async () => {
    const { run } = await listening();
    await run.waitForOutput(/try next {6}rdgw mkrdp --target \S+ --gateway \S+:\d+/);
    expect(run.stdout()).toContain(join(folder, 'data/ca.pem'));
    expect(run.stdout()).toContain('first start');
    const before = readFileSync(join(folder, 'data/server.key'));
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
    for (const name of ['ca.key', 'server.key', 'token.key'])
      expect(statSync(join(folder, 'data', name)).mode & 0o777).toBe(0o600);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    const again = await listening();
    await again.run.waitForOutput(/try next/);
    expect(again.run.stdout()).not.toContain('first start');
    expect(readFileSync(join(folder, 'data/server.key'))).toEqual(before);
  });

  it('prints where it listens as one object with --json', async () => {
    const run = rdgw('serve', '--listen', '127.0.0.1:0', '--json');
    await run.waitForOutput(/\}/);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(JSON.parse(run.stdout())).toMatchObject({ port: expect.any(Number), ca: join(folder, 'data/ca.pem') });
  });

  it('serves counters on metrics.listen, and logs the URL', async () => {
    writeFileSync(join(folder, 'rdgw.yaml'), 'metrics: {listen: 0}\n');
    const { run } = await listening();
    const [, url = ''] = await run.waitForOutput(/event=metrics\.listening url=(http:\/\/127\.0\.0\.1:\d+\/metrics)/);
    expect(await (await fetch(url)).text()).toMatch(/^rdgw_sessions 0$/m);
    const { port } = new URL(url);
    writeFileSync(join(folder, 'rdgw.yaml'), `metrics: {listen: ${port}}\n`);
    const second = rdgw('serve', '--listen', '127.0.0.1:0');
    expect(await second.code).toBe(5);
    expect(second.stderr()).toContain(`127.0.0.1:${port}`);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
  });

  it('survives an uncaught error of a custom authenticator, and logs no token', async () => {
    const module = join(folder, 'uncaught.mjs');
    writeFileSync(
      module,
      `export default () => ({
        name: 'uncaught',
        authenticate({ token }) {
          if (token.startsWith('throw')) setTimeout(() => { throw new Error('about ' + token); });
          if (token.startsWith('reject')) Promise.reject(new Error('about ' + token));
          return token === 'good' ? { allow: true, user: 'alice' } : { allow: false, reason: 'no' };
        },
      });`,
    );
    const target = await echoTarget();
    const config = join(folder, 'uncaught.json');
    writeFileSync(config, JSON.stringify({ auth: { module }, targets: { allow: [`127.0.0.1:${target.port}`] } }));
    const { run, port } = await listening('--config', config);
    const ca = readFileSync(join(folder, 'data/ca.pem'), 'utf8');
    const open = (token: string) => RawClient.start({ port, ca }, { transport: 'websocket', token, port: target.port });
    const client = await open('good');
    await client.until('opened');
    for (const token of ['throw-secret', 'reject-secret']) await (await open(token)).ended();
    await run.waitForOutput(/event=error\.uncaught kind=Error at=\S*uncaught\.mjs:\d+:\d+[\s\S]*event=error\.uncaught/);
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');
    client.pipe.close();
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(run.stdout() + run.stderr()).not.toContain('secret');
    await target.stop();
  });

  it('keeps running, and drains, when its log cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const env = { HOME: folder, RDGW_DATA_DIR: join(folder, 'data') };
    const run = startRdgw(['serve', '--listen', '127.0.0.1:0'], { cwd: folder, env, stderr: full });
    running.push(run);
    closeSync(full);
    const [, port] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
    const ca = readFileSync(join(folder, 'data/ca.pem'), 'utf8');
    for (let count = 0; count < 3; count++) {
      // Each of these requests is logged.
      const socket = await tlsSocket({ port: Number(port), ca });
      const head = rdgHead('RDG_OUT_DATA', randomUUID(), ['RDG-Auth-Scheme: NTLM']);
      expect((await requestOver(socket, head)).status).toBe(401);
      expect(await health(Number(port))).toBe(200);
    }
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
  });

  it('exits after draining although a custom authenticator holds a timer', async () => {
    const module = join(folder, 'holding.mjs');
    writeFileSync(
      module,
      `setInterval(() => undefined, 1000);
       export default () => ({ name: 'holding', authenticate: () => ({ allow: false, reason: 'no' }) });`,
    );
    const config = join(folder, 'holding.json');
    writeFileSync(config, JSON.stringify({ auth: { module } }));
    const { run } = await listening('--config', config);
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(run.stderr()).toContain('event=gateway.stopped');
  });

  it('drains: 503 for new requests while a session goes on, CLOSE_CHANNEL 0x4D4 at the end, exit 0', async () => {
    const { run, port } = await listening('--drain', '1');
    const target = await echoTarget();
    const key = await loadTokenKey(join(folder, 'data'));
    const claims = { user: 'alice', targets: [`127.0.0.1:${target.port}`], audience: 'localhost', id: randomUUID() };
    const token = await mintToken(key, { ...claims, expiresAt: new Date(Date.now() + 60_000) });
    const ca = readFileSync(join(folder, 'data/ca.pem'), 'utf8');
    const client = await RawClient.open({ port, ca }, { transport: 'websocket', token, port: target.port });
    await client.until('opened');
    expect(await health(port)).toBe(200);
    run.kill('SIGTERM');
    await run.waitForOutput(/draining/);
    expect(await health(port)).toBe(503);
    client.send(Buffer.from('still here'));
    await client.when(() => client.received.toString() === 'still here');
    expect((await client.until('closed')).code).toBe(0x4d4);
    expect(await run.code).toBe(0);
    expect(run.stderr()).not.toContain(token);
    await target.stop();
  });

  it.each([['SIGINT', 130] as const, ['SIGTERM', 143] as const])(
    'exits at once on a second %s, with %i',
    async (signal, code) => {
      const { run, port } = await listening();
      const target = await echoTarget();
      const key = await loadTokenKey(join(folder, 'data'));
      const claims = { user: 'alice', targets: [`127.0.0.1:${target.port}`], audience: 'localhost', id: randomUUID() };
      const token = await mintToken(key, { ...claims, expiresAt: new Date(Date.now() + 60_000) });
      const ca = readFileSync(join(folder, 'data/ca.pem'), 'utf8');
      const client = await RawClient.open({ port, ca }, { transport: 'websocket', token, port: target.port });
      await client.until('opened');
      run.kill('SIGINT');
      await run.waitForOutput(/draining/);
      run.kill(signal);
      expect(await run.code).toBe(code);
      await target.stop();
    },
  );
});

describe('rdgw serve --check', () => {
  it('prints the settings, creates nothing, and exits with 0', async () => {
    const run = rdgw('serve', '--check', '--listen', '9443');
    expect(await run.code).toBe(0);
    expect(run.stdout()).toMatch(/^listen: .*9443/m);
    expect(() => statSync(join(folder, 'data'))).toThrow('ENOENT');
  });

  it('prints them as JSON', async () => {
    const run = rdgw('serve', '--check', '--json');
    expect(await run.code).toBe(0);
    expect(JSON.parse(run.stdout())).toMatchObject({ timeouts: { drain: 30 } });
  });
});

/** Expects one clear line with a hint, the right exit code and no stack trace; `--json` changes only the format. */
describe.each([[], ['--json']])('rdgw serve %s fails', (...json) => {
  const expectFailure = async (run: Program, code: number, pattern: RegExp) => {
    expect(await run.code).toBe(code);
    const output = json.length > 0 ? run.stdout() : run.stderr();
    expect(output).toMatch(pattern);
    expect(output).toMatch(/hint/);
    expect(`${run.stdout()}${run.stderr()}`).not.toMatch(/\n\s+at /);
    if (json.length > 0)
      expect(JSON.parse(run.stdout())).toMatchObject({ error: { code: expect.stringMatching(/^[A-Z_]+$/) } });
    else expect(run.stderr().trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  };

  it('with 5 where the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expectFailure(rdgw('serve', '--listen', `127.0.0.1:${port}`, ...json), 5, /port is in use/);
    other.close();
  });

  it('with 4 where the certificate cannot be read', async () => {
    await expectFailure(
      rdgw('serve', '--cert', 'no.pem', '--key', 'no.key', ...json),
      4,
      /cannot be read.*no\.pem|no\.pem/s,
    );
  });

  it('with 4 where the key belongs to another certificate', async () => {
    for (const name of ['a', 'b']) {
      const made = rdgw('certs', 'init', '--data-dir', join(folder, name));
      expect(await made.code).toBe(0);
    }
    const args = ['--cert', join(folder, 'a/server.pem'), '--key', join(folder, 'b/server.key'), ...json];
    await expectFailure(rdgw('serve', ...args), 4, /does not belong/);
  });

  it('with 4 where the key log is a link', async () => {
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'keys.txt'));
    await expectFailure(rdgw('serve', '--listen', '127.0.0.1:0', '--keylog', 'keys.txt', ...json), 4, /KEYLOG_KIND/);
  });

  it('with 4 for an unknown setting, naming the nearest', async () => {
    writeFileSync(join(folder, 'rdgw.yaml'), 'timeouts:\n  dail: 5\n');
    await expectFailure(rdgw('serve', ...json), 4, /rdgw\.yaml:2:3.*timeouts\.dail|dail.*dial/s);
  });

  it.each([
    ['--listen', '99999'],
    ['--drain', 'abc'],
    ['--log-level', 'loud'],
    ['--log-format', 'xml'],
  ])('with 2 for %s %s', async (flag, value) => {
    await expectFailure(rdgw('serve', flag, value, ...json), 2, new RegExp(`${flag}\\b`));
  });

  it('with 2 for an unknown flag', async () => {
    await expectFailure(rdgw('serve', '--lissten', '1', ...json), 2, /--listen/);
  });
});
