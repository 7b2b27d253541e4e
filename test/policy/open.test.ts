import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { type GuardSettings, openGuard } from '../../src/policy/open.js';
import { mintToken } from '../../src/policy/token.js';
import { opensslKey } from './openssl.js';

const folder = mkdtempSync(join(tmpdir(), 'rdgw-open-'));
afterAll(() => rmSync(folder, { recursive: true }));
const secret = new Uint8Array(32).fill(1);
const NOW = Date.now();

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function settings(paa: Partial<GuardSettings['auth']['paa']>, allow: readonly string[] = []): GuardSettings {
  return { auth: { paa: { mode: 'signed', keys: [], ...paa } }, targets: { allow }, timeouts: { decision: 10 } };
}

const request = (token: string) => ({
  scheme: 'PAA' as const,
  token,
  peer: '192.0.2.1',
  connectionId: '00000000-0000-0000-0000-000000000001',
  correlationId: undefined,
  clientName: undefined,
  now: NOW,
});

describe('openGuard', () => {
  it('accepts the effective configuration unchanged', async () => {
    const { config } = await loadConfig({ env: {}, cwd: folder, home: folder });
    const { guard, warnings } = await openGuard(config, secret, ['gw.example']);
    expect(warnings).toEqual([]);
    const claims = { user: 'alice', targets: ['127.0.0.1'], audience: 'gw.example', id: 'x' };
    const token = await mintToken(secret, { ...claims, expiresAt: new Date(NOW + 60_000) });
    await expect(guard.authenticate(request(token))).resolves.toMatchObject({
      identity: { user: 'alice', targets: ['127.0.0.1:3389'], local: true, method: 'signed' },
    });
  });

  it('reads public keys and a key set', async () => {
    const [ed25519, p256] = [opensslKey('ed25519'), opensslKey('p256')];
    const { createPublicKey } = await import('node:crypto');
    const jwks = JSON.stringify({ keys: [createPublicKey(p256.publicPem).export({ format: 'jwk' })] });
    const paa = { keys: [write('one.pem', ed25519.publicPem)], jwks: write('set.json', jwks) };
    const { guard } = await openGuard(settings(paa), secret, ['gw.example']);
    const claims = { sub: 'alice', aud: 'gw.example', exp: Math.ceil(NOW / 1000) + 60 };
    for (const token of [ed25519.sign('EdDSA', claims), p256.sign('ES256', claims)]) {
      await expect(guard.authenticate(request(token))).resolves.toHaveProperty('identity.local', false);
    }
  });

  it('warns about keys of a set that it leaves out', async () => {
    const { createPublicKey } = await import('node:crypto');
    const usable = createPublicKey(opensslKey('p256').publicPem).export({ format: 'jwk' });
    const set = (...keys: object[]) => write('partial.json', JSON.stringify({ keys }));
    const open = (jwks: string) => openGuard(settings({ jwks }), secret, ['gw.example']);
    const { warnings } = await open(set({ kty: 'constructor', alg: 'x', kid: 'odd' }, usable));
    expect(warnings).toEqual(['partial.json key "odd" is left out: its type "constructor" is not supported']);
    await expect(open(set({ kty: 'constructor', alg: 'x' }))).rejects.toMatchObject({
      code: 'KEY_INVALID',
      message: 'the key set has no usable key',
      hint: expect.stringContaining('"constructor"'),
    });
    await expect(open(set(...Array.from({ length: 9 }, () => usable)))).rejects.toHaveProperty('code', 'KEY_INVALID');
  });

  it('warns about a token list that others can read', async () => {
    const tokensFile = write('tokens', 'sesame-open-sesame alice desk.example', 0o644);
    const { warnings } = await openGuard(settings({ mode: 'static', tokensFile }), undefined, []);
    expect(warnings).toEqual([`${tokensFile} can be read by other users (chmod 600)`]);
  });

  it('rejects a token list without any usable target, and warns if only some lines have one', async () => {
    const noTargets = write('no-targets', 'sesame-open-sesame alice');
    const open = (tokensFile: string, allow?: string[]) =>
      openGuard(settings({ mode: 'static', tokensFile }, allow), undefined, []);
    await expect(open(noTargets)).rejects.toHaveProperty('code', 'POLICY_ADMITS_NOBODY');
    await expect(open(noTargets, ['10.0.0.0/8'])).resolves.toHaveProperty('warnings', []);
    const partial = write('some', 'sesame-open-sesame alice\nanother-token-0001 bob desk.example');
    await expect(open(partial)).resolves.toHaveProperty('warnings', [
      `${partial}: 1 of 2 tokens name no target, and there are no allow rules`,
    ]);
  });

  it('warns about the mode any', async () => {
    const { guard, warnings } = await openGuard(settings({ mode: 'any' }, ['*']), undefined, []);
    expect(warnings).toEqual(['auth.paa.mode is any: every token is accepted']);
    await expect(guard.authenticate(request('x'))).resolves.toHaveProperty('identity.method', 'any');
  });

  it('loads a custom authenticator, and ignores `local` in its answers', async () => {
    const path = write(
      'auth.mjs',
      'export default ({ user }) => ({ name: "mine", authenticate: () => ({ allow: true, user, local: true }) });',
    );
    const auth = { paa: { mode: 'signed', keys: [] }, module: { path, options: { user: 'eve' } } } as const;
    const { guard } = await openGuard({ ...settings({}), auth }, secret, ['gw.example']);
    await expect(guard.authenticate(request('x'))).resolves.toMatchObject({
      identity: { user: 'eve', local: false, method: 'mine' },
    });
  });

  it('names the setting of a file that cannot be used', async () => {
    const open = (keys: string[]) => openGuard(settings({ keys }), secret, ['gw.example']);
    await expect(open([join(folder, 'none.pem')])).rejects.toMatchObject({
      code: 'POLICY_FILE_MISSING',
      message: 'the file of auth.paa.keys does not exist',
    });
    await expect(open([folder])).rejects.toHaveProperty('code', 'POLICY_FILE_UNREADABLE');
    const large = write('large.pem', '');
    truncateSync(large, 1024 * 1024 + 1);
    await expect(open([large])).rejects.toHaveProperty('code', 'POLICY_FILE_TOO_LARGE');
    await expect(open([write('bad.pem', 'hello')])).rejects.toMatchObject({ code: 'KEY_INVALID', place: 'bad.pem' });
  });
});
