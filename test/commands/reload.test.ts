/** SIGHUP and renewed certificates, with the compiled program and sessions that transfer data all the time. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { makeTokenKey } from '../../src/certs/token-key.js';
import { mintToken } from '../../src/policy/token.js';
import { RawClient, TRANSPORTS, tlsSocket } from '../support/client.js';
import { keepEchoing } from '../support/moving.js';
import { type Program, startRdgw } from '../support/program.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

let folder: string;
let target: TestTarget;
let run: Program;
let port: number;

const at = (name: string): string => join(folder, name);
const write = (name: string, text: string): void => writeFileSync(at(name), text);
const configure = (settings: Readonly<Record<string, unknown>>): void => write('rdgw.yaml', JSON.stringify(settings));
const ca = (name = 'data'): string => readFileSync(at(`${name}/ca.pem`), 'utf8');
const renew = (name = 'data') => ensureCertificates(at(name), { hosts: ['localhost', '127.0.0.1'], force: true });

interface Issuer {
  readonly pem: string;
  readonly privateKey: KeyObject;
}
function makeIssuer(): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey };
}
const signed = ({ privateKey }: Issuer): Promise<string> =>
  new SignJWT({ sub: 'alice', aud: 'localhost' })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setExpirationTime('5m')
    .sign(privateKey);

/** How many characters of the log `logs` has passed. */
let position = 0;

/** Waits for the next line of the log that matches, after the one that the last call returned. */
async function logs(text: RegExp): Promise<string> {
  const pattern = new RegExp(`^.*(?:${text.source}).*$`, 'm');
  let match: RegExpExecArray | null = null;
  await eventually(() => {
    match = pattern.exec(run.stderr().slice(position));
    return match !== null;
  });
  const { index, 0: line } = match as unknown as RegExpExecArray;
  position += index + line.length;
  return line;
}

async function reload(text: RegExp): Promise<string> {
  run.kill('SIGHUP');
  return logs(text);
}

const open = (token: string, transport: (typeof TRANSPORTS)[number] = 'websocket', authority = ca()) =>
  RawClient.open({ port, ca: authority }, { transport, token, port: target.port });
/** Whether a token opens a session. */
async function isAccepted(token: string): Promise<boolean> {
  const client = await RawClient.start({ port, ca: ca() }, { transport: 'websocket', token, port: target.port });
  const opened = await client.until('opened').then(
    () => true,
    () => false,
  );
  client.pipe.close();
  return opened;
}

async function start(...args: string[]): Promise<void> {
  position = 0;
  run = startRdgw(['serve', '--listen', '127.0.0.1:0', ...args], {
    cwd: folder,
    env: { HOME: folder, RDGW_DATA_DIR: at('data') },
  });
  const [, digits] = await run.waitForOutput(/listens on https:\/\/\S+:(\d+)/);
  port = Number(digits);
}

const rules = () => ({ targets: { allow: [target.name] } });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-reload-'));
  target = await echoTarget();
  await renew();
});
afterEach(async () => {
  run.kill('SIGKILL');
  await run.code;
  await target.stop();
  rmSync(folder, { recursive: true });
});

describe('two hundred sessions that transfer data all the time', () => {
  const SESSIONS = 200;

  it('survive reloads of certificate and settings, with every byte correct', async () => {
    const issuer = makeIssuer();
    write('portal.pem', issuer.pem);
    configure({ ...rules(), auth: { paa: { keys: ['portal.pem'] } }, limits: { tunnelsPerUser: SESSIONS } });
    await start();
    const token = await signed(issuer);
    // One after the other: all at once would overload the gateway, and it would reject new connections.
    const clients: RawClient[] = [];
    while (clients.length < SESSIONS) clients.push(await open(token, TRANSPORTS[clients.length % TRANSPORTS.length]));
    const stops = clients.map(keepEchoing);

    const before = ca();
    rmSync(at('data/ca.key'));
    await renew();
    expect(ca()).not.toBe(before);
    configure({ limits: { tunnels: SESSIONS }, targets: { allow: ['10.0.0.1'] } });
    expect(await reload(/reload/)).toContain('certificate=new');
    const results = await Promise.all(stops.map((stop) => stop()));
    expect(results.filter(({ count, wrong }) => count === 0 || wrong > 0)).toEqual([]);
    expect(clients.filter(({ closed }) => closed)).toEqual([]);

    await expect(tlsSocket({ port, ca: before })).rejects.toThrow();
    (await tlsSocket({ port, ca: ca() })).destroy();
    for (const client of clients) client.pipe.close();
  });
});

describe('SIGHUP', () => {
  it('replaces the keys of tokens: a removed key opens no sessions any more, an added one does', async () => {
    const [former, next] = [makeIssuer(), makeIssuer()];
    write('portal.pem', former.pem);
    configure({ ...rules(), auth: { paa: { keys: ['portal.pem'] } } });
    await start();
    const { key } = await makeTokenKey(at('data'));
    const local = await mintToken(key, {
      user: 'bob',
      targets: [target.name],
      audience: 'localhost',
      expiresAt: new Date(Date.now() + 60_000),
      id: 'x',
    });
    const tokens = await Promise.all([signed(former), signed(next), local]);
    const accepted = () => Promise.all(tokens.map(isAccepted));
    expect(await accepted()).toEqual([true, false, false]);
    write('portal.pem', next.pem);
    await reload(/event=reload\.completed cause=SIGHUP/);
    expect(await accepted()).toEqual([false, true, true]);
  });

  it('applies changed settings, with flags over them, and logs those that need a restart', async () => {
    configure({ timeouts: { drain: 1 } });
    await start('--log-level', 'info');
    configure({
      listen: 1,
      timeouts: { drain: 2, dial: 3 },
      log: { level: 'error', keylog: 'keys.txt', format: 'json' },
    });
    expect(JSON.parse(await reload(/"reload\.completed"/))).toMatchObject({
      cause: 'SIGHUP',
      changed: ['timeouts.dial', 'timeouts.drain', 'log.format'],
      certificate: 'as before',
    });
    expect(JSON.parse(await logs(/reload\.restart_required/))).toMatchObject({ settings: ['log.keylog'] });
    run.kill('SIGTERM');
    expect(JSON.parse(await logs(/draining/))).toMatchObject({ seconds: 2 });
    expect(await run.code).toBe(0);
  });

  const token = async (): Promise<string> => {
    const issuer = makeIssuer();
    write('portal.pem', issuer.pem);
    configure({ ...rules(), auth: { paa: { keys: ['portal.pem'] } } });
    return signed(issuer);
  };

  it.each<[string, RegExp, () => unknown]>([
    ['invalid YAML', /CONFIG_SYNTAX .*place=rdgw\.yaml:2:1.*hint=/, () => write('rdgw.yaml', 'targets:\n]\n')],
    [
      'an unknown setting',
      /CONFIG_UNKNOWN_KEY .*timeouts\.dail.*timeouts\.dial/,
      () => configure({ timeouts: { dail: 1 } }),
    ],
    [
      'a certificate with another key',
      /CERTS_MISMATCH .*data\/server\.key/,
      async () => {
        await renew('other');
        writeFileSync(at('data/server.key'), readFileSync(at('other/server.key')));
      },
    ],
    ['an invalid public key', /POLICY_\w+|TOKEN_\w+|KEY_\w+/, () => write('portal.pem', 'not a key')],
    ['a missing token key', /TOKEN_KEY_MISSING .*token\.key/, () => rmSync(at('data/token.key'))],
    [
      'a module that throws',
      /AUTH_MODULE_FAILED .*auth\.mjs/,
      () => {
        write('auth.mjs', 'export default () => { throw new Error("no") };');
        configure({ auth: { module: 'auth.mjs' } });
      },
    ],
  ])('with %s logs the error, and changes nothing', async (_, text, damage) => {
    const good = await token();
    await start();
    const client = await open(good);
    const authority = ca();
    await damage();
    expect(await reload(/reload\.failed/)).toMatch(text);
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');
    const another = await open(good, 'http', authority);
    for (const one of [client, another]) one.pipe.close();
    expect(run.stderr()).not.toContain('reload.completed');
  });

  it('is refused while the gateway drains, and does not stop the draining', async () => {
    const good = await token();
    await start('--drain', '60');
    const client = await open(good);
    run.kill('SIGTERM');
    await logs(/draining/);
    expect(await reload(/reload\.refused/)).toContain('the gateway is shutting down');
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');
    client.pipe.close();
    expect(await run.code).toBe(0);
  });

  it('many times in a row ends with the last contents of the files', async () => {
    await start();
    for (let dial = 1; dial <= 20; dial++) {
      configure({ timeouts: { dial } });
      run.kill('SIGHUP');
    }
    configure({ timeouts: { drain: 7 } });
    await reload(/changed=\S*timeouts\.drain/);
    run.kill('SIGTERM');
    expect(await logs(/draining/)).toContain('seconds=7');
    expect(await run.code).toBe(0);
    expect(run.stderr()).not.toContain('reload.failed');
  });

  it('passes new options to a custom module, and closes the former instance', async () => {
    write(
      'auth.mjs',
      `import { appendFileSync } from 'node:fs';
       export default ({ word }) => ({
         name: 'custom',
         authenticate: ({ token }) => token === word ? { allow: true, user: 'alice' } : { allow: false, reason: 'no' },
         close: () => appendFileSync('closed.txt', word + '\\n'),
       });`,
    );
    const settings = (word: string) => ({ ...rules(), auth: { module: { path: 'auth.mjs', options: { word } } } });
    configure(settings('secret-one'));
    await start();
    const client = await open('secret-one');
    configure(settings('secret-two'));
    expect(await reload(/reload\.completed/)).toContain('changed=auth.module');
    expect(await Promise.all(['secret-one', 'secret-two'].map(isAccepted))).toEqual([false, true]);
    expect(readFileSync(at('closed.txt'), 'utf8')).toBe('secret-one\n');
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');
    client.pipe.close();
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
    expect(run.stderr()).not.toMatch(/secret-/);
  });
});

describe('SIGHUP while the gateway starts', () => {
  it('reloads once it runs', async () => {
    write(
      'auth.mjs',
      `if (!globalThis.asked) process.kill(process.pid, 'SIGHUP');
       globalThis.asked = true;
       export default () => ({ name: 'custom', authenticate: () => ({ allow: false, reason: 'no' }) });`,
    );
    configure({ ...rules(), auth: { module: { path: 'auth.mjs' } } });
    await start();
    expect(await logs(/reload\.completed/)).toContain('cause=SIGHUP');
    run.kill('SIGTERM');
    expect(await run.code).toBe(0);
  });
});

describe('a renewed certificate', () => {
  it('is reloaded without a signal', async () => {
    await start();
    const before = ca();
    rmSync(at('data/ca.key'));
    await renew();
    expect(await logs(/event=reload\.completed cause=certificate/)).toContain('certificate=new');
    await expect(tlsSocket({ port, ca: before })).rejects.toThrow();
    (await tlsSocket({ port, ca: ca() })).destroy();
  });
});
