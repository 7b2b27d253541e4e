import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CANDIDATES_MAX, checkCandidates, keySet, localKey, publicKey } from '../../src/policy/keys.js';
import { checkSignature, TOKEN_MAX_LENGTH } from '../../src/policy/signature.js';
import { encode, opensslHmac, opensslKey, signingInput } from './openssl.js';

// RFC 7515 appendix A.1: the key and the token of the HS256 example.
const RFC7515_KEY = Buffer.from(
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'base64url',
);
const RFC7515_TOKEN = [
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9',
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
  'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
].join('.');

// RFC 8037 appendices A.2 (public key) and A.4 (token): Ed25519.
const RFC8037_JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const RFC8037_TOKEN = [
  'eyJhbGciOiJFZERTQSJ9',
  'RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc',
  'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
].join('.');

const ed25519 = opensslKey('ed25519');
const rsa = opensslKey('rsa');
const p256 = opensslKey('p256');
const secret = new Uint8Array(32).fill(7);
const everyKey = [
  localKey(secret),
  publicKey(ed25519.publicPem, 'ed.pem'),
  publicKey(rsa.publicPem, 'rsa.pem'),
  publicKey(p256.publicPem, 'ec.pem'),
];

describe('checkSignature', () => {
  it('verifies the HS256 example of RFC 7515', async () => {
    const result = await checkSignature(RFC7515_TOKEN, [localKey(RFC7515_KEY)]);
    expect(result.valid && Buffer.from(result.payload).toString()).toContain('"iss":"joe"');
  });

  it('verifies the Ed25519 example of RFC 8037, from a key set and from PEM', async () => {
    const pem = createPublicKey({ key: RFC8037_JWK, format: 'jwk' }).export({ format: 'pem', type: 'spki' }).toString();
    for (const keys of [keySet(JSON.stringify({ keys: [RFC8037_JWK] }), 'jwks').keys, [publicKey(pem, 'pem')]]) {
      const result = await checkSignature(RFC8037_TOKEN, keys);
      expect(result.valid && Buffer.from(result.payload).toString()).toBe('Example of Ed25519 signing');
    }
  });

  it.each([
    ['HS256', () => opensslHmac(secret, { a: 1 }), 'the local key'],
    ['EdDSA', () => ed25519.sign('EdDSA', { a: 1 }), 'ed.pem'],
    ['Ed25519', () => ed25519.sign('Ed25519', { a: 1 }), 'ed.pem'],
    ['RS256', () => rsa.sign('RS256', { a: 1 }), 'rsa.pem'],
    ['ES256', () => p256.sign('ES256', { a: 1 }), 'ec.pem'],
  ])('verifies %s signatures of openssl and names the key', async (_, make, label) => {
    const result = await checkSignature(make(), everyKey);
    expect(result.valid && result.key.label).toBe(label);
    expect(result.valid && result.key.local).toBe(label === 'the local key');
  });

  it('rejects a token with any character changed', async () => {
    const token = opensslHmac(secret, { sub: 'alice' });
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 2), fc.constantFrom('A', 'b', '9', '_', '.'), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
        // The last character is left out: two of its bits are padding.
        await expect(checkSignature(changed, everyKey)).resolves.toHaveProperty('valid', false);
      }),
      { numRuns: 60 },
    );
  });

  it('never throws', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `${text}.e30.`),
        ),
        async (text) => {
          await expect(checkSignature(text, everyKey)).resolves.toHaveProperty('valid', false);
        },
      ),
    );
  });
});

describe('algorithms are bound to keys', () => {
  const refused = async (token: string, reason: RegExp, keys = everyKey) => {
    const result = await checkSignature(token, keys);
    expect(result).toEqual({ valid: false, reason: expect.stringMatching(reason) });
  };

  it.each(['none', 'None', 'NONE', '', 'HS384', 'HS512', 'RS1', 'PS256', 'ES384', 'dir', '__proto__'])(
    'rejects the algorithm %j',
    async (alg) => {
      const input = signingInput(alg, { sub: 'alice' });
      await refused(`${input}.`, /^no key accepts the algorithm/);
      await refused(`${input}.${encode('x')}`, /^no key accepts the algorithm/);
    },
  );

  it('rejects HS256 with the PEM text of a public key as the secret', async () => {
    for (const { publicPem } of [rsa, p256, ed25519]) {
      const token = opensslHmac(Buffer.from(publicPem), { sub: 'alice' });
      await refused(token, /^no key accepts the algorithm "HS256"/, everyKey.slice(1));
      await refused(token, /^the signature does not match the local key$/);
    }
  });

  it('rejects a signature whose header names another algorithm', async () => {
    await refused(rsa.sign('ES256', {}), /does not match ec\.pem/);
    await refused(ed25519.sign('RS256', {}), /does not match rsa\.pem/);
    await refused(p256.sign('HS256', {}), /does not match the local key/);
  });

  it('ignores a key inside the token', async () => {
    const untrusted = opensslKey('p256');
    const jwk = createPublicKey(untrusted.publicPem).export({ format: 'jwk' });
    for (const header of [
      { jwk },
      { jku: 'https://127.0.0.1/jwks' },
      { x5u: 'https://127.0.0.1/' },
      { x5c: ['MII'] },
    ]) {
      await refused(untrusted.sign('ES256', {}, header), /does not match ec\.pem/);
    }
  });

  it('rejects extensions', async () => {
    await refused(opensslHmac(secret, {}, { crit: ['exp'], exp: 1 }), /extensions/);
    await refused(opensslHmac(secret, {}, { crit: [] }), /extensions/);
    await refused(opensslHmac(secret, {}, { b64: true }), /extensions/);
  });

  it('rejects text that is not a compact JWS', async () => {
    await refused('a.b', /not a compact JWS/);
    await refused('a.b.c.d.e', /not a compact JWS/);
    await refused(`${RFC7515_TOKEN}\n`, /not a compact JWS/);
    await refused(JSON.stringify({ payload: '', signatures: [] }), /not a compact JWS/);
    await refused(`${encode([1])}.e30.e30`, /no readable header/);
    await refused(`${encode({ typ: 'JWT' })}.e30.e30`, /names no algorithm/);
    await refused(opensslHmac(secret, {}, { kid: 7 }), /key id \(kid\)/);
    await refused(`${'a'.repeat(TOKEN_MAX_LENGTH)}.b.c`, /longer than 4096 characters/);
  });
});

describe('key ids', () => {
  const jwk = (key: typeof p256, extra: object) => ({
    ...createPublicKey(key.publicPem).export({ format: 'jwk' }),
    ...extra,
  });
  const second = opensslKey('p256');
  const { keys: set } = keySet(
    JSON.stringify({ keys: [jwk(p256, { kid: 'one' }), jwk(second, { kid: 'two' })] }),
    'portal.json',
  );

  it('select the key within a set', async () => {
    const result = await checkSignature(second.sign('ES256', {}, { kid: 'two' }), set);
    expect(result.valid && result.key.label).toBe('portal.json key "two"');
    await expect(checkSignature(second.sign('ES256', {}, { kid: 'one' }), set)).resolves.toHaveProperty('valid', false);
    await expect(checkSignature(second.sign('ES256', {}, { kid: 'three' }), set)).resolves.toHaveProperty(
      'reason',
      'no key has the id "three"',
    );
  });

  it('may be missing: every key of the algorithm is tried', async () => {
    await expect(checkSignature(second.sign('ES256', {}), set)).resolves.toHaveProperty('valid', true);
  });
});

describe('keys', () => {
  it('binds each key type to its algorithms', () => {
    expect(everyKey.map((key) => key.algorithms)).toEqual([['HS256'], ['EdDSA', 'Ed25519'], ['RS256'], ['ES256']]);
  });

  it.each([
    ['a private key', () => publicKey(p256.privatePem, 'k')],
    ['a weak RSA key', () => publicKey(opensslKey('rsa1024').publicPem, 'k')],
    ['another curve', () => publicKey(opensslKey('p384').publicPem, 'k')],
    ['something else', () => publicKey('hello', 'k')],
    ['a short secret', () => localKey(new Uint8Array(31))],
    ['a set with a secret', () => keySet(JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] }), 'k')],
    ['a set with a private key', () => keySet(JSON.stringify({ keys: [{ ...RFC8037_JWK, d: 'AAAA' }] }), 'k')],
    ['an empty set', () => keySet('{"keys": []}', 'k')],
    ['a set of nothing usable', () => keySet(JSON.stringify({ keys: [{ ...RFC8037_JWK, use: 'enc' }] }), 'k')],
    ['a broken key in a set', () => keySet(JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256' }] }), 'k')],
    ['no set', () => keySet('[]', 'k')],
    ['no JSON', () => keySet('{', 'k')],
  ])('rejects %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ kind: 'configuration', code: 'KEY_INVALID' }));
  });

  it.each([
    ['another curve', { kty: 'EC', crv: 'P-521', x: 'x', y: 'y' }, 'its type "EC P-521" is not supported'],
    ['an unknown type', { kty: 'NEW' }, 'its type "NEW" is not supported'],
    ['another algorithm', { ...RFC8037_JWK, alg: 'ES256' }, 'its algorithm "ES256" is not supported for its type'],
    ['no curve', { kty: 'EC' }, 'its type "EC" is not supported'],
    ['a type of Object.prototype', { kty: 'constructor', alg: 'x' }, 'its type "constructor" is not supported'],
    ['a type of Object.prototype', { kty: '__proto__' }, 'its type "__proto__" is not supported'],
    ['a type of Object.prototype', { kty: 'toString', alg: 'length' }, 'its type "toString" is not supported'],
    ['no type', {}, 'its type "?" is not supported'],
    ['a type that is no text', { kty: { toString: 1 } }, 'its type "?" is not supported'],
    ['a list as type', { kty: ['RSA'], n: 'x', e: 'x' }, 'its type "?" is not supported'],
    [
      'an algorithm that is no text',
      { ...RFC8037_JWK, alg: { toString: 1 } },
      'its algorithm "?" is not supported for its type',
    ],
    ['missing members', { kty: 'EC', crv: 'P-256' }, 'it is not a valid key'],
    ['members that are no text', { ...RFC8037_JWK, x: { length: 1 } }, 'it is not a valid key'],
    ['a weak RSA key', weakJwk(), 'the RSA key has less than 2048 bits'],
  ])('with %s is left out of a set with a warning', (_, jwk, reason) => {
    const { keys, warnings } = keySet(JSON.stringify({ keys: [jwk, RFC8037_JWK] }), 'portal.json');
    expect(keys).toHaveLength(1);
    expect(warnings).toEqual([`portal.json key 1 is left out: ${reason}`]);
    expect(() => keySet(JSON.stringify({ keys: [jwk] }), 'portal.json')).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID', message: 'the key set has no usable key' }),
    );
  });

  it('for encryption is ignored, as a set usually has one', () => {
    const { keys, warnings } = keySet(JSON.stringify({ keys: [{ kty: 'RSA', use: 'enc' }, RFC8037_JWK] }), 'k');
    expect({ keys: keys.length, warnings }).toEqual({ keys: 1, warnings: [] });
  });
});

describe('the work for one token', () => {
  const keysOf = (count: number, more: (index: number) => object) =>
    keySet(
      JSON.stringify({ keys: Array.from({ length: count }, (_, index) => ({ ...RFC8037_JWK, ...more(index) })) }),
      'k',
    ).keys;

  it('is limited to eight verifications', async () => {
    const many = keysOf(64, (index) => ({ kid: `k${index}` }));
    const forged = ed25519.sign('EdDSA', {});
    await expect(checkSignature(forged, many)).resolves.toEqual({
      valid: false,
      reason: 'the token names no key id (kid) of its own, and 64 keys accept "EdDSA"',
    });
    await expect(checkSignature(forged, many.slice(0, CANDIDATES_MAX))).resolves.toHaveProperty(
      'reason',
      expect.stringMatching(/does not match/),
    );
    await expect(checkSignature(ed25519.sign('EdDSA', {}, { kid: 'k7' }), many)).resolves.toHaveProperty(
      'reason',
      'the signature does not match k key "k7"',
    );
  });

  it.each([
    ['without ids', () => ({})],
    ['with the same id', () => ({ kid: 'one' })],
    ['with an id for one of them', (index: number) => (index === 0 ? { kid: 'one' } : {})],
  ])('would exceed that with nine keys %s, which are refused at the start', (_, more) => {
    expect(() => checkCandidates(keysOf(CANDIDATES_MAX, more))).not.toThrow();
    expect(() => checkCandidates(keysOf(CANDIDATES_MAX + 1, more))).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID', hint: expect.stringContaining('kid') }),
    );
    expect(() => checkCandidates(keysOf(64, (index) => ({ kid: `k${index}` })))).not.toThrow();
  });
});

function weakJwk(): object {
  return createPublicKey(opensslKey('rsa1024').publicPem).export({ format: 'jwk' });
}
