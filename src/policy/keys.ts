import { createHash, createPublicKey, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto';
import { Fault } from '../fault.js';
import { quote } from './printable.js';

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
/** Maximum number of keys in a set. An issuer has one or two, and some more while it changes them. */
export const KEYS_MAX = 64;
/**
 * Maximum number of keys that one token is verified with. Each costs up to 0.4 ms of CPU time, and anybody can send tokens, so a
 * token must name its key (`kid`) where there are more.
 */
export const CANDIDATES_MAX = 8;

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

/** The usable keys of a JWK set, and a warning for each signature key that was left out. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  readonly warnings: readonly string[];
}

/**
 * Reads the signature keys of a JWK set (RFC 7517 section 5). Encryption keys are ignored. Keys of unsupported types, with missing
 * members or with values that are not supported are left out with a warning, as section 5 requires. Throws a `Fault`
 * (`KEY_INVALID`) for a set with a secret or private key, or without a usable key.
 */
export function keySet(json: string, label: string): KeySet {
  const jwks = readSet(json, label);
  if (jwks.length > KEYS_MAX)
    throw invalid(`the key set has more than ${KEYS_MAX} keys`, label, 'remove keys that are no longer in use');
  const keys: VerificationKey[] = [];
  const warnings: string[] = [];
  for (const [index, jwk] of jwks.entries()) {
    if (jwk.kty === 'oct')
      throw invalid('the key set has a secret key', label, 'a key set for verification has public keys only');
    if (Object.hasOwn(jwk, 'd')) throw invalid('the key set has a private key', label, 'publish the public part only');
    if (jwk.use !== undefined && jwk.use !== 'sig') continue;
    const id = typeof jwk.kid === 'string' ? jwk.kid : undefined;
    const name = `${label} key ${id === undefined ? index + 1 : quote(id)}`;
    const key = readJwk(jwk, name, id);
    if (typeof key === 'string') warnings.push(`${name} is left out: ${key}`);
    else keys.push(key);
  }
  if (keys.length === 0) {
    const hint = 'accepted are Ed25519, RSA and P-256 keys';
    throw invalid('the key set has no usable key', label, warnings[0] === undefined ? hint : `${hint}; ${warnings[0]}`);
  }
  return { keys, warnings };
}

/** The algorithm of each type and curve of a JWK. INVARIANT: the keys of this table come from foreign texts, hence a Map. */
const JWK_ALGORITHMS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['RS256']],
  ['EC P-256', ['ES256']],
  ['OKP Ed25519', ['EdDSA', 'Ed25519']],
]);

/** Returns the key, or the reason to leave it out. */
function readJwk(jwk: JsonWebKey, label: string, id: string | undefined): VerificationKey | string {
  const { kty, crv, alg } = jwk as Readonly<Record<string, unknown>>;
  const type = [kty, ...(crv === undefined ? [] : [crv])]
    .map((part) => (typeof part === 'string' ? part : '?'))
    .join(' ');
  const algorithms = JWK_ALGORITHMS.get(type);
  if (algorithms === undefined) return `its type ${quote(type)} is not supported`;
  if (alg !== undefined && !algorithms.includes(alg as string))
    return `its algorithm ${typeof alg === 'string' ? quote(alg) : '"?"'} is not supported for its type`;
  try {
    return bind(createPublicKey({ key: jwk, format: 'jwk' }), label, id);
  } catch (cause) {
    return cause instanceof Fault ? cause.message : 'it is not a valid key';
  }
}

/**
 * Checks that no token needs more than `CANDIDATES_MAX` verifications although it names its key. Throws a `Fault` (`KEY_INVALID`)
 * otherwise.
 */
export function checkCandidates(keys: readonly VerificationKey[]): void {
  for (const { algorithms, id, label } of keys) {
    const alg = algorithms[0] ?? '';
    if (candidatesOf(keys, alg, id ?? '').length <= CANDIDATES_MAX) continue;
    throw invalid(
      `there are more than ${CANDIDATES_MAX} keys for ${alg} without an id of their own`,
      label,
      'put the keys into a JWK set, each with its own key id (kid)',
    );
  }
}

/** Returns the keys that may verify a token with this algorithm and key id. */
export function candidatesOf(
  keys: readonly VerificationKey[],
  alg: string,
  id: string | undefined,
): readonly VerificationKey[] {
  return keys.filter(
    (key) => key.algorithms.includes(alg) && (id === undefined || key.id === undefined || key.id === id),
  );
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
