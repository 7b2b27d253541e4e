import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SignedCredential } from '../../src/policy/grant.js';
import {
  createSignedVerifier,
  mintToken,
  type SignedVerifierOptions,
  TOKEN_WARN_LENGTH,
} from '../../src/policy/token.js';
import { opensslHmac, opensslKey } from './openssl.js';

const secret = new Uint8Array(32).fill(3);
const NOW = Date.parse('2026-11-23T12:00:00Z');
const SECONDS = NOW / 1000;
const portal = opensslKey('ed25519');
const OPTIONS = {
  localKey: secret,
  publicKeys: [{ label: 'portal.pem', pem: portal.publicPem }],
  audiences: ['Gateway.Example.com', '192.0.2.7'],
};
const { verify } = createSignedVerifier(OPTIONS);

const IN_MILLISECONDS = 'the expiry (exp) of the token is after the year 2286: it is in seconds, not in milliseconds';

const CLAIMS = { sub: 'alice', tgt: '192.168.0.101:3389', aud: 'gateway.example.com', exp: SECONDS + 60 };
const local = (claims: object) => verify(opensslHmac(secret, { ...CLAIMS, ...claims }), NOW);
const foreign = (claims: object) => verify(portal.sign('EdDSA', { ...CLAIMS, ...claims }), NOW);

const USUAL = {
  user: 'alice@corp.example',
  targets: ['192.168.0.101'],
  audience: 'gateway.example.com',
  expiresAt: new Date(NOW + 8 * 3600_000),
  id: 'Zm9vYmFyYmF6cXV4MTIzNA',
};

describe('mintToken', () => {
  it('makes a token that the verifier accepts, within the length that clients support', async () => {
    const token = await mintToken(secret, USUAL);
    expect(token.length).toBeLessThanOrEqual(TOKEN_WARN_LENGTH);
    await expect(verify(token, NOW)).resolves.toEqual({
      allow: true,
      user: 'alice@corp.example',
      targets: ['192.168.0.101:3389'],
      local: true,
      credential: expect.objectContaining({ mode: 'signed' }),
    });
  });

  it('makes the same token as openssl, with the smallest header', async () => {
    const claims = {
      sub: USUAL.user,
      tgt: '192.168.0.101:3389',
      aud: USUAL.audience,
      jti: USUAL.id,
      exp: SECONDS + 8 * 3600,
    };
    await expect(mintToken(secret, USUAL)).resolves.toBe(opensslHmac(secret, claims));
  });

  it('writes several targets as a list', async () => {
    const token = await mintToken(secret, { ...USUAL, targets: ['a.example', '[fd00::1]:3390'] });
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(payload.tgt).toEqual(['a.example:3389', '[fd00::1]:3390']);
  });

  it.each([
    { targets: [] },
    { targets: ['10.1'] },
    { user: '' },
    { user: 'a\r\nb' },
    { expiresAt: new Date(Number.NaN) },
    { expiresAt: new Date(-1000) },
    { expiresAt: new Date(NOW * 1000) },
    { audience: 'x'.repeat(4096) },
  ])('rejects %j', async (odd) => {
    await expect(mintToken(secret, { ...USUAL, ...odd })).rejects.toHaveProperty('kind', 'input');
  });
});

describe('createSignedVerifier', () => {
  it('accepts tokens of other issuers, and marks them as not local', async () => {
    await expect(foreign({})).resolves.toEqual({
      allow: true,
      user: 'alice',
      targets: ['192.168.0.101:3389'],
      local: false,
      credential: expect.objectContaining({ mode: 'signed' }),
    });
    await expect(foreign({ tgt: ['A.example', '[::ffff:10.0.0.1]:3390'] })).resolves.toHaveProperty('targets', [
      'a.example:3389',
      '10.0.0.1:3390',
    ]);
  });

  it('leaves targets to the rules if another issuer names none', async () => {
    const verdict = await foreign({ tgt: undefined });
    expect(verdict).toMatchObject({ allow: true, user: 'alice', local: false });
    expect(verdict).not.toHaveProperty('targets');
    await expect(local({ tgt: undefined })).resolves.toEqual({ allow: false, reason: 'the token names no target' });
  });

  it('accepts every time until 2286', async () => {
    await expect(local({ exp: 9_999_999_999, nbf: 0 })).resolves.toHaveProperty('allow', true);
    await expect(local({ exp: SECONDS + 0.5 })).resolves.toHaveProperty('allow', true);
    await expect(mintToken(secret, { ...USUAL, expiresAt: new Date(9_999_999_999_000) })).resolves.toContain('.');
  });

  it('compares audiences case-insensitively, in a list too', async () => {
    await expect(local({ aud: 'GATEWAY.example.COM.' })).resolves.toHaveProperty('allow', true);
    await expect(local({ aud: ['other', '192.0.2.7'] })).resolves.toHaveProperty('allow', true);
  });

  it.each([
    [
      { aud: 'other.example' },
      'the token names the audience "other.example", this gateway is "gateway.example.com" or "192.0.2.7"',
    ],
    [{ aud: undefined }, /names no audience/],
    [{ aud: [] }, /names no audience/],
    [{ aud: 7 }, /names no audience/],
    [{ aud: 'a\nb' }, /"a\?b"/],
    [{ exp: undefined }, 'the token has no expiry'],
    [{ exp: '9999999999' }, 'the token has no expiry'],
    [{ exp: null }, 'the token has no expiry'],
    [{ exp: NOW + 60_000 }, IN_MILLISECONDS],
    [{ exp: 10_000_000_000 }, IN_MILLISECONDS],
    // 31 December 9999, the latest time of .NET and of SQL.
    [{ exp: 253_402_300_799 }, IN_MILLISECONDS],
    [{ exp: (NOW + 60_000) * 1000 }, 'the expiry (exp) of the token is after the year 2286: it is in seconds'],
    [{ exp: 1e300 }, 'the expiry (exp) of the token is after the year 2286: it is in seconds'],
    [
      { nbf: NOW },
      'the start of validity (nbf) of the token is after the year 2286: it is in seconds, not in milliseconds',
    ],
    [{ nbf: 1e300 }, 'the start of validity (nbf) of the token is after the year 2286: it is in seconds'],
    [{ exp: -1 }, 'the token has no expiry'],
    [{ exp: SECONDS - 301 }, 'the token expired 5 min ago'],
    [{ exp: SECONDS - 90_000 }, 'the token expired 25 h ago'],
    [{ nbf: SECONDS + 600 }, 'the token becomes valid in 10 min'],
    [{ nbf: 'now' }, /nbf/],
    [{ sub: undefined }, 'the token has no printable user name (sub)'],
    [{ sub: '' }, 'the token has no printable user name (sub)'],
    [{ sub: ' alice' }, 'the token has no printable user name (sub)'],
    [{ sub: 'alice\u202e' }, 'the token has no printable user name (sub)'],
    [{ sub: 'a\nINFO admitted' }, 'the token has no printable user name (sub)'],
    [{ sub: 'a'.repeat(257) }, 'the token has no printable user name (sub)'],
    [{ sub: ['alice'] }, 'the token has no printable user name (sub)'],
    [{ tgt: '2130706433' }, 'the token of portal.pem has a malformed target'],
    [{ tgt: ['a.example', '10.1'] }, 'the token of portal.pem has a malformed target'],
    [{ tgt: [] }, 'the token of portal.pem has a malformed target'],
    [{ tgt: null }, 'the token of portal.pem has a malformed target'],
    [{ tgt: { host: 'a' } }, 'the token of portal.pem has a malformed target'],
    [{ tgt: Array.from({ length: 65 }, (_, index) => `10.0.0.${index}`) }, /malformed target/],
  ])('rejects %j', async (claims, reason) => {
    const expected = typeof reason === 'string' ? reason : expect.stringMatching(reason);
    await expect(foreign(claims)).resolves.toEqual({ allow: false, reason: expected });
  });

  it('expires local tokens to the millisecond, with a tolerance of one minute for other issuers', async () => {
    const exp = SECONDS;
    const own = opensslHmac(secret, { ...CLAIMS, exp });
    const theirs = portal.sign('EdDSA', { ...CLAIMS, exp });
    await expect(verify(own, NOW - 1)).resolves.toHaveProperty('allow', true);
    await expect(verify(own, NOW)).resolves.toHaveProperty('reason', 'the token expired 0 s ago');
    await expect(verify(theirs, NOW + 59_999)).resolves.toHaveProperty('allow', true);
    await expect(verify(theirs, NOW + 60_000)).resolves.toHaveProperty('allow', false);
  });

  it('honours nbf with the same tolerance', async () => {
    const nbf = SECONDS + 60;
    await expect(verify(portal.sign('EdDSA', { ...CLAIMS, nbf, exp: nbf + 60 }), NOW)).resolves.toHaveProperty(
      'allow',
      true,
    );
    await expect(verify(portal.sign('EdDSA', { ...CLAIMS, nbf, exp: nbf + 60 }), NOW - 1)).resolves.toHaveProperty(
      'allow',
      false,
    );
    await expect(local({ nbf: SECONDS + 1 })).resolves.toHaveProperty('allow', false);
    await expect(local({ nbf: SECONDS })).resolves.toHaveProperty('allow', true);
  });

  it('accepts a token again, because clients reconnect with the same token', async () => {
    const token = await mintToken(secret, USUAL);
    await expect(verify(token, NOW)).resolves.toHaveProperty('allow', true);
    await expect(verify(token, NOW + 3600_000)).resolves.toHaveProperty('allow', true);
  });

  it('rejects claims that are not an object', async () => {
    await expect(verify(opensslHmac(secret, ['alice']), NOW)).resolves.toHaveProperty(
      'reason',
      'the payload of the token is not a JSON object',
    );
  });

  it('repeats no part of the token in its reasons', async () => {
    const token = opensslHmac(new Uint8Array(32).fill(9), CLAIMS);
    const verdict = await verify(token, NOW);
    for (const part of token.split('.')) expect(JSON.stringify(verdict)).not.toContain(part);
  });

  it('requires a key and a name', () => {
    expect(() => createSignedVerifier({ audiences: ['a'] })).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    expect(() => createSignedVerifier({ localKey: secret, audiences: [] })).toThrow();
  });
});

describe('a token that was accepted', () => {
  const other = opensslKey('ed25519');
  const credentialOf = async (token: string, options: SignedVerifierOptions = OPTIONS): Promise<SignedCredential> => {
    const verdict = await createSignedVerifier(options).verify(token, NOW);
    if (!verdict.allow) throw new Error(verdict.reason);
    return verdict.credential;
  };
  const own = (claims: object = {}) => credentialOf(opensslHmac(secret, { ...CLAIMS, ...claims }));
  const theirs = (claims: object = {}) => credentialOf(portal.sign('EdDSA', { ...CLAIMS, ...claims }));
  const later = (credential: SignedCredential, change: Partial<SignedVerifierOptions> = {}, now = NOW) =>
    createSignedVerifier({ ...OPTIONS, ...change }).revalidate(credential, now);
  const keySet = (...keys: readonly (readonly [kid: string, pem: string])[]) => ({
    label: 'portal.jwks',
    json: JSON.stringify({
      keys: keys.map(([kid, pem]) => ({ ...createPublicKey(pem).export({ format: 'jwk' }), kid })),
    }),
  });
  const KEY_GONE = { valid: false, code: 'revoked', reason: 'the key of the token is no longer accepted' };

  it('is still accepted with the same keys, names and time', async () => {
    expect(later(await own())).toBeUndefined();
    expect(later(await theirs())).toBeUndefined();
  });

  it('is revoked when the key of the gateway is replaced', async () => {
    expect(later(await own(), { localKey: new Uint8Array(32).fill(4) })).toEqual(KEY_GONE);
    expect(later(await theirs(), { localKey: new Uint8Array(32).fill(4) })).toBeUndefined();
  });

  it('is revoked when the key of its issuer is removed, or replaced under the same label', async () => {
    expect(later(await theirs(), { publicKeys: [] })).toEqual(KEY_GONE);
    const replaced = [{ label: 'portal.pem', pem: other.publicPem }];
    expect(later(await theirs(), { publicKeys: replaced })).toEqual(KEY_GONE);
    expect(later(await own(), { publicKeys: [] })).toBeUndefined();
  });

  it('is revoked when its key is removed from the key set, or replaced under the same id', async () => {
    const jwks = keySet(['a', portal.publicPem], ['b', other.publicPem]);
    const options = { ...OPTIONS, publicKeys: [], jwks };
    const credential = await credentialOf(portal.sign('EdDSA', CLAIMS, { kid: 'a' }), options);
    expect(later(credential, { publicKeys: [], jwks })).toBeUndefined();
    expect(later(credential, { publicKeys: [], jwks: keySet(['b', other.publicPem]) })).toEqual(KEY_GONE);
    expect(later(credential, { publicKeys: [], jwks: keySet(['a', other.publicPem]) })).toEqual(KEY_GONE);
  });

  it('is still accepted when its key moves from a file into the key set', async () => {
    expect(later(await theirs(), { publicKeys: [], jwks: keySet(['a', portal.publicPem]) })).toBeUndefined();
  });

  it('is revoked when the gateway gets a name that it does not have', async () => {
    expect(later(await own(), { audiences: ['new.example'] })).toEqual({
      valid: false,
      code: 'revoked',
      reason: 'the token names the audience "gateway.example.com", this gateway is "new.example"',
    });
    const both = await own({ aud: ['gateway.example.com', 'New.Example.'] });
    expect(later(both, { audiences: ['new.example'] })).toBeUndefined();
  });

  it('expires with the tolerance of its issuer, which is no revocation', async () => {
    const exp = SECONDS + 60;
    const expired = (reason: string) => ({ valid: false, code: 'expired', reason });
    expect(later(await own({ exp }), {}, NOW + 59_999)).toBeUndefined();
    expect(later(await own({ exp }), {}, NOW + 60_000)).toEqual(expired('the token expired 0 s ago'));
    expect(later(await theirs({ exp }), {}, NOW + 119_999)).toBeUndefined();
    expect(later(await theirs({ exp }), {}, NOW + 240_000)).toEqual(expired('the token expired 3 min ago'));
  });

  it('is revoked by its key even after it has expired', async () => {
    expect(later(await theirs(), { publicKeys: [] }, NOW + 3600_000)).toEqual(KEY_GONE);
  });

  it('leaves nothing of itself or of its key in its credential', async () => {
    const token = opensslHmac(secret, CLAIMS);
    const text = JSON.stringify(await own());
    for (const part of token.split('.')) expect(text).not.toContain(part);
    expect(text).not.toContain(Buffer.from(secret).toString('base64url'));
  });
});
