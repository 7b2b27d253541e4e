import { createHash, createPublicKey, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto';
import { Fault } from '../fault.js';

/** A key to verify tokens with. INVARIANT: the algorithms follow from the key type, never from the token's header. */
export interface VerificationKey {
  /** For the log: the file name, and the key id within a JWK set. */
  readonly label: string;
  /** The key id (`kid`), where a JWK set has one. */
  readonly id: string | undefined;
  /** JWS algorithm names (`alg`). */
  readonly algorithms: readonly string[];
  /** A secret is imported once. To import it for each token would double the cost of a verification. */
  readonly key: KeyObject | Promise<webcrypto.CryptoKey>;
  /** Whether this is the gateway's own key. */
  readonly local: boolean;
  /** SHA-256 of the key material, in base64url: the same key, whatever its label and id are. */
  readonly fingerprint: string;
}

/** RFC 7518 section 3.2: the key is at least as long as the hash output. */
const SECRET_BYTES_MIN = 32;
const HS256 = { name: 'HMAC', hash: 'SHA-256' };
/** RFC 7518 section 3.3. */
const RSA_BITS_MIN = 2048;
/** Maximum number of keys in a set. Each candidate key costs a signature verification per token. */
export const KEYS_MAX = 64;

/** Imports the gateway's own secret, for HS256 only. Throws a `Fault` (`KEY_INVALID`) if it is shorter than 32 bytes. */
export function localKey(secret: Uint8Array): VerificationKey {
  if (secret.length < SECRET_BYTES_MIN) throw invalid('the local token key is shorter than 32 bytes', 'token.key');
  const key = webcrypto.subtle.importKey('raw', secret, HS256, false, ['sign', 'verify']);
  const fingerprint = fingerprintOf('secret', secret);
  return { label: 'the local key', id: undefined, algorithms: ['HS256'], key, local: true, fingerprint };
}

/**
 * Reads a public key or a certificate in PEM: Ed25519 (EdDSA), RSA with at least 2048 bits (RS256) or P-256 (ES256).
 * Throws a `Fault` (`KEY_INVALID`) for anything else, including a private key, which does not belong on the gateway.
 */
export function publicKey(pem: string, label: string): VerificationKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw invalid('the file has a private key', label, 'configure the public key only: openssl pkey -pubout');
  }
  return bind(
    load(() => createPublicKey(pem), label),
    label,
    undefined,
  );
}

/**
 * Reads the signature keys of a JWK set (RFC 7517 section 5). Encryption keys and keys of unsupported types are ignored, as
 * section 5 requires. Throws a `Fault` (`KEY_INVALID`) for a set with a secret or private key, or without a usable key.
 */
export function keySet(json: string, label: string): readonly VerificationKey[] {
  const jwks = readSet(json, label);
  if (jwks.length > KEYS_MAX)
    throw invalid(`the key set has more than ${KEYS_MAX} keys`, label, 'remove keys that are no longer in use');
  const keys = jwks.filter(isSignatureKey).map((jwk, index) => {
    if (jwk.kty === 'oct')
      throw invalid('the key set has a secret key', label, 'a key set for verification has public keys only');
    if ('d' in jwk) throw invalid('the key set has a private key', label, 'publish the public part only');
    const id = typeof jwk.kid === 'string' ? jwk.kid : undefined;
    const name = `${label} key ${id === undefined ? index + 1 : JSON.stringify(id)}`;
    return bind(
      load(() => createPublicKey({ key: jwk, format: 'jwk' }), name, 'the key is not a valid JWK'),
      name,
      id,
    );
  });
  if (keys.length === 0)
    throw invalid('the key set has no usable key', label, 'accepted are Ed25519, RSA and P-256 keys');
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
  const set = load(() => JSON.parse(json) as unknown, label, 'the key set is not JSON');
  const keys: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null)) {
    throw invalid('the file is not a JWK set', label, 'expected {"keys": [{"kty": …}]}');
  }
  return keys as JsonWebKey[];
}

function bind(key: KeyObject, label: string, id: string | undefined): VerificationKey {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const fingerprint = fingerprintOf('public', key.export({ type: 'spki', format: 'der' }));
  const common = { label, id, key, local: false, fingerprint };
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      // RFC 9864 introduced a second name for the same algorithm. Both are in use.
      return { ...common, algorithms: ['EdDSA', 'Ed25519'] };
    case 'rsa':
      if (modulusLength < RSA_BITS_MIN) throw invalid('the RSA key has less than 2048 bits', label);
      return { ...common, algorithms: ['RS256'] };
    case 'ec':
      if (namedCurve === 'prime256v1') return { ...common, algorithms: ['ES256'] };
      throw invalid(`the key is on the curve ${namedCurve}`, label, 'accepted is P-256 (prime256v1)');
    default:
      throw invalid('the key is not an Ed25519, RSA or P-256 key', label);
  }
}

/** The kind keeps a secret and a public key with the same bytes apart. */
function fingerprintOf(kind: 'secret' | 'public', bytes: Uint8Array): string {
  return createHash('sha256').update(`rdgw ${kind} key\n`).update(bytes).digest('base64url');
}

function load<T>(read: () => T, label: string, problem = 'the file is not a public key in PEM'): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(problem, label, undefined, cause);
  }
}

function invalid(message: string, place: string, hint?: string, cause?: unknown): Fault {
  return new Fault({ kind: 'configuration', code: 'KEY_INVALID', message, place, ...(hint && { hint }), cause });
}
