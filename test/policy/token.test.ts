import { describe, expect, it } from 'vitest';
import { createSignedVerifier, mintToken, TOKEN_WARN_LENGTH } from '../../src/policy/token.js';
import { opensslHmac, opensslKey } from './openssl.js';

const secret = new Uint8Array(32).fill(3);
const NOW = Date.parse('2026-11-23T12:00:00Z');
const SECONDS = NOW / 1000;
const portal = opensslKey('ed25519');
const verify = createSignedVerifier({
  localKey: secret,
  publicKeys: [{ label: 'portal.pem', pem: portal.publicPem }],
  audiences: ['Gateway.Example.com', '192.0.2.7'],
});

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
    });
    await expect(foreign({ tgt: ['A.example', '[::ffff:10.0.0.1]:3390'] })).resolves.toHaveProperty('targets', [
      'a.example:3389',
      '10.0.0.1:3390',
    ]);
  });

  it('leaves targets to the rules if another issuer names none', async () => {
    await expect(foreign({ tgt: undefined })).resolves.toEqual({ allow: true, user: 'alice', local: false });
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
