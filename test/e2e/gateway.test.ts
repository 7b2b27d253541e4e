import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../lab/authority.js';
import { CLIENT_VERSIONS, type ClientOptions, startClient, TRANSPORTS } from '../lab/client.js';
import { type GatewayProcess, startGatewayProcess } from '../lab/gateway.js';
import { type Lab, openLab } from '../lab/lab.js';
import { drawPicture, type Picture, SAME_PICTURE_RMSE } from '../lab/picture.js';
import { freePort } from '../lab/port.js';
import { expectOtherPicture, waitForPicture } from '../lab/screen.js';
import { startShadow } from '../lab/shadow.js';
import type { Target } from '../lab/target.js';
import { until } from '../lab/until.js';
import { startXrdp } from '../lab/xrdp.js';

let lab: Lab;
let authority: Authority;
let picture: Picture;
let targets: Record<Target['name'], Target>;
let gateway: GatewayProcess;
/** A portal that signs tokens. The gateway has its public key. */
const portal = generateKeyPairSync('ed25519');

beforeAll(async () => {
  lab = await openLab('gateway');
  authority = await makeAuthority(lab, 'authority');
  picture = await drawPicture(lab);
  targets = { shadow: await startShadow(lab, authority, picture), xrdp: await startXrdp(lab, authority, picture) };
  writeFileSync(join(lab.folder, 'portal.pem'), portal.publicKey.export({ type: 'spki', format: 'pem' }));
  const settings = join(lab.folder, 'rdgw.yaml');
  writeFileSync(settings, 'auth: {paa: {keys: [portal.pem]}}\ntargets: {allow: ["10.1.2.3"]}\n');
  gateway = await startGatewayProcess(lab, ['--config', settings]);
});

afterAll(() => lab?.close());

const login = (target: Target) => ({ user: target.user, password: target.password });
const trust = () => [authority.caFile, gateway.caFile];

let files = 0;
async function rdpFileFor(target: Target): Promise<string> {
  files += 1;
  const file = join(lab.folder, `target-${files}.rdp`);
  const args = [`--target=${target.host}:${target.port}`, `--gateway=${gateway.host}:${gateway.port}`];
  await gateway.rdgw('mkrdp', ...args, `--output=${file}`);
  return file;
}

describe.each(CLIENT_VERSIONS)('FreeRDP %s', (version) => {
  describe.each(TRANSPORTS)('over %s', (transport) => {
    it.each(['shadow', 'xrdp'] as const)('shows the desktop of %s behind the gateway', async (kind) => {
      const target = targets[kind];
      const before = { connections: target.connections(), lines: gateway.log().length };
      const to = { rdpFile: await rdpFileFor(target) };
      const client = await startClient(lab, { version, to, ...login(target), transport, trust: trust() });
      expect(await waitForPicture(lab, client, picture)).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
      await client.stop();
      expect(target.connections() - before.connections).toBe(1);
      const lines = () => gateway.log().slice(before.lines);
      await until('the end of the session in the log', 5_000, () =>
        lines().some(({ event }) => event === 'session.ended'),
      );
      const end = lines().at(-1);
      // A client first ends its RDP connection inside the channel, so either the target or the client may close first.
      const byTarget = end?.cause === 'target closed';
      expect(lines().map(({ event, transport: used, cause }) => [event, used, cause])).toEqual([
        ['authentication.succeeded', transport, undefined],
        ['channel.opened', transport, undefined],
        ...(byTarget ? [['channel.closed', transport, 'target closed']] : []),
        ['session.ended', transport, byTarget ? 'target closed' : 'client closed'],
      ]);
      expect(end).toMatchObject({ target: `localhost:${target.port}`, level: 'info' });
      expect(end?.sent).toBeGreaterThan(1_000);
      expect(end?.received).toBeGreaterThan(100);
    });
  });

  it('does not connect through a gateway whose certificate authority is unknown', async () => {
    const before = targets.shadow.connections();
    const to = { rdpFile: await rdpFileFor(targets.shadow) };
    const client = await startClient(lab, { version, to, ...login(targets.shadow), trust: [authority.caFile] });
    expect(await client.waitForExit()).not.toBe(0);
    await expectOtherPicture(lab, client, picture);
    expect(targets.shadow.connections()).toBe(before);
    await client.stop();
  });
});

/** Verifies that the checks of the tests above can fail. */
describe.each(CLIENT_VERSIONS)('the negative control with FreeRDP %s', (version) => {
  it('shows nothing when no gateway listens', async () => {
    const before = targets.shadow.connections();
    const file = join(lab.folder, `closed-${version}.rdp`);
    const args = [`--target=localhost:${targets.shadow.port}`, `--gateway=localhost:${await freePort()}`];
    await gateway.rdgw('mkrdp', ...args, `--output=${file}`);
    const options = { version, to: { rdpFile: file }, ...login(targets.shadow), trust: trust() };
    const client = await startClient(lab, options);
    expect(await client.waitForExit()).not.toBe(0);
    await expectOtherPicture(lab, client, picture);
    expect(targets.shadow.connections()).toBe(before);
    await client.stop();
  });

  it('distinguishes a wrong picture from the right one through the gateway', async () => {
    const other = await drawPicture(lab);
    const to = { rdpFile: await rdpFileFor(targets.shadow) };
    const client = await startClient(lab, { version, to, ...login(targets.shadow), trust: trust() });
    await waitForPicture(lab, client, picture);
    await expect(waitForPicture(lab, client, other, 1_000)).rejects.toThrow(/does not show the picture/);
    await client.stop();
  });
});

interface Claims {
  readonly user?: string;
  readonly target?: string | undefined;
  readonly audience?: string;
  readonly expires?: string;
  readonly key?: Uint8Array | KeyObject;
}

/** A token that is signed with jose directly, independent of rdgw's own minting. */
async function token({ user = 'alice', target, audience = 'localhost', expires = '1h', key }: Claims): Promise<string> {
  const claims = target === undefined ? {} : { tgt: target };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key === portal.privateKey ? 'EdDSA' : 'HS256' })
    .setSubject(user)
    .setAudience(audience)
    .setExpirationTime(expires)
    .sign(key ?? (await gateway.key()));
}

const COMBINATIONS = CLIENT_VERSIONS.flatMap((version) => TRANSPORTS.map((transport) => ({ version, transport })));

describe.each(COMBINATIONS)('FreeRDP $version over $transport is refused', (combination) => {
  const DENIED = 'E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED';
  const FORBIDDEN = 'E_PROXY_RAP_ACCESSDENIED';
  const FAILED = 'E_PROXY_TS_CONNECTFAILED';
  const shadow = () => `localhost:${targets.shadow.port}`;
  interface Refusal {
    readonly name: string;
    readonly claims?: () => Claims;
    /** Another target for the client, which its token allows. The default is the shadow target. */
    readonly otherTarget?: () => Promise<string>;
  }
  const cases: readonly (readonly [string, Refusal])[] = [
    ['a token of another key', { name: DENIED, claims: () => ({ target: shadow(), key: randomBytes(32) }) }],
    ['an expired token', { name: DENIED, claims: () => ({ target: shadow(), expires: '-1s' }) }],
    ['a token for another gateway', { name: DENIED, claims: () => ({ target: shadow(), audience: 'other.example' }) }],
    ['a token for another target', { name: FORBIDDEN, claims: () => ({ target: `localhost:${targets.xrdp.port}` }) }],
    ['a target that no rule allows', { name: FORBIDDEN, claims: () => ({ key: portal.privateKey }) }],
    [
      'a loopback target in a foreign token',
      { name: FORBIDDEN, claims: () => ({ target: shadow(), key: portal.privateKey }) },
    ],
    ['a target that refuses connections', { name: FAILED, otherTarget: async () => `127.0.0.1:${await freePort()}` }],
    ['a target that does not resolve', { name: FAILED, otherTarget: async () => 'no-such-host.invalid:3389' }],
  ];

  it.each(cases)('%s: reports the error and does not reach the target', async (_, { name, claims, otherTarget }) => {
    const before = { shadow: targets.shadow.connections(), xrdp: targets.xrdp.connections() };
    const other = await otherTarget?.();
    const [host = '', port = ''] = (other ?? shadow()).split(':');
    const text = await token(claims?.() ?? { target: other });
    const { log, code } = await refused(combination, { host, port: Number(port) }, text);
    expect(log).toContain(name);
    expect(code).toBe(131);
    expect({ shadow: targets.shadow.connections(), xrdp: targets.xrdp.connections() }).toEqual(before);
    expect(gateway.child.output()).not.toContain(text);
  });

  it('a malformed token: reports the error and does not reach the target', async () => {
    const before = targets.shadow.connections();
    const { log, code } = await refused(combination, targets.shadow, 'no-token-at-all');
    expect(log).toContain(DENIED);
    expect(code).toBe(131);
    expect(targets.shadow.connections()).toBe(before);
  });
});

async function refused(
  { version, transport }: (typeof COMBINATIONS)[number],
  to: { host: string; port: number },
  text: string,
) {
  const options: ClientOptions = {
    version,
    transport,
    to: { host: to.host, port: to.port },
    ...login(targets.shadow),
    gateway: { host: gateway.host, port: gateway.port, token: text },
    trust: trust(),
  };
  const client = await startClient(lab, options);
  const code = await client.waitForExit();
  await expectOtherPicture(lab, client, picture);
  await client.stop();
  return { log: client.log(), code };
}
