import { createPublicKey, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto';
import { Fault } from '../fault.js';

/** A key that may have signed a token. INVARIANT: the algorithms belong to the kind of key, never to the token's header. */
export interface VerificationKey {
  /** For the log: the file's name, and the key id in a set. */
  readonly label: string;
  readonly id: string | undefined;
  readonly algorithms: readonly string[];
  /** A secret is prepared once: to do it for each token would double the price of a check. */
  readonly key: KeyObject | Promise<webcrypto.CryptoKey>;
  /** Whether this is the gateway's own key. */
  readonly local: boolean;
}

/** RFC 7518 section 3.2: a key of the same size as the hash output or larger. */
const SECRET_BYTES_MIN = 32;
const HS256 = { name: 'HMAC', hash: 'SHA-256' };
/** RFC 7518 section 3.3. */
const RSA_BITS_MIN = 2048;
/** Every candidate costs a signature check per token. */
export const KEYS_MAX = 64;

/** The gateway's own secret: HS256 and nothing else. Throws a `Fault` (`KEY_INVALID`) below 32 bytes. */
export function localKey(secret: Uint8Array): VerificationKey {
  if (secret.length < SECRET_BYTES_MIN) throw invalid('the local token key is shorter than 32 bytes', 'token.key');
  const key = webcrypto.subtle.importKey('raw', secret, HS256, false, ['sign', 'verify']);
  return { label: 'the local key', id: undefined, algorithms: ['HS256'], key, local: true };
}

/**
 * A public key or a certificate in PEM: Ed25519 (EdDSA), RSA from 2048 bits on (RS256) or P-256 (ES256).
 * Throws a `Fault` (`KEY_INVALID`) for anything else, a private key included: it has no business on the gateway.
 */
export function publicKey(pem: string, label: string): VerificationKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw invalid('holds a private key', label, 'give the gateway the public key only: openssl pkey -pubout');
  }
  return bind(
    load(() => createPublicKey(pem), label),
    label,
    undefined,
  );
}

/**
 * The signature keys of a JWK set (RFC 7517 section 5). Keys for encryption and of kinds that are not accepted are left out,
 * as section 5 asks; a set with a secret key, or with no usable key, throws a `Fault` (`KEY_INVALID`).
 */
export function keySet(json: string, label: string): readonly VerificationKey[] {
  const jwks = readSet(json, label);
  if (jwks.length > KEYS_MAX) throw invalid(`holds more than ${KEYS_MAX} keys`, label);
  const keys = jwks.filter(isSignatureKey).map((jwk, index) => {
    if (jwk.kty === 'oct')
      throw invalid('holds a secret key', label, 'a key set for verification has public keys only');
    if ('d' in jwk) throw invalid('holds a private key', label, 'publish the public part only');
    const id = typeof jwk.kid === 'string' ? jwk.kid : undefined;
    const name = `${label} key ${id === undefined ? index + 1 : JSON.stringify(id)}`;
    return bind(
      load(() => createPublicKey({ key: jwk, format: 'jwk' }), name),
      name,
      id,
    );
  });
  if (keys.length === 0) throw invalid('holds no usable key', label, 'accepted are Ed25519, RSA and P-256 keys');
  return keys;
}

const JWK_ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256'],
  EC: ['ES256'],
  OKP: ['EdDSA', 'Ed25519'],
  oct: ['HS256'],
};
const JWK_CURVES: readonly unknown[] = [undefined, 'P-256', 'Ed25519'];

function isSignatureKey(jwk: JsonWebKey): boolean {
  const algorithms = JWK_ALGORITHMS[String(jwk.kty)];
  if (algorithms === undefined || !JWK_CURVES.includes(jwk.crv)) return false;
  return (jwk.use ?? 'sig') === 'sig' && (jwk.alg === undefined || algorithms.includes(String(jwk.alg)));
}

function readSet(json: string, label: string): readonly JsonWebKey[] {
  const set = load(() => JSON.parse(json) as unknown, label, 'is not JSON');
  const keys: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null)) {
    throw invalid('is not a JWK set', label, 'it looks like {"keys": [{"kty": …}]}');
  }
  return keys as JsonWebKey[];
}

function bind(key: KeyObject, label: string, id: string | undefined): VerificationKey {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      // RFC 9864 names the same algorithm anew; both names are in use.
      return { label, id, algorithms: ['EdDSA', 'Ed25519'], key, local: false };
    case 'rsa':
      if (modulusLength < RSA_BITS_MIN) throw invalid('is an RSA key of less than 2048 bits', label);
      return { label, id, algorithms: ['RS256'], key, local: false };
    case 'ec':
      if (namedCurve === 'prime256v1') return { label, id, algorithms: ['ES256'], key, local: false };
      throw invalid(`is on the curve ${namedCurve}`, label, 'accepted is P-256 (prime256v1)');
    default:
      throw invalid('is not an Ed25519, RSA or P-256 key', label);
  }
}

function load<T>(read: () => T, label: string, problem = 'is not a public key in PEM'): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(problem, label, undefined, cause);
  }
}

function invalid(message: string, place: string, hint?: string, cause?: unknown): Fault {
  return new Fault({ kind: 'configuration', code: 'KEY_INVALID', message, place, ...(hint && { hint }), cause });
}
