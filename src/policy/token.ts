import { CompactSign } from 'jose';
import { Fault } from '../fault.js';
import { type Revalidation, revoked, type SignedCredential } from './grant.js';
import { checkCandidates, keySet, localKey, publicKey, type VerificationKey } from './keys.js';
import { isPrintable, quote, USER_NAME_MAX } from './printable.js';
import { checkSignature, parseObject, TOKEN_MAX_LENGTH } from './signature.js';
import { formatTarget, parseTarget } from './target.js';

export { TOKEN_MAX_LENGTH };

/**
 * Length of a token in characters above which `mkrdp` warns. Some clients and tools truncate or reject a `gatewayaccesstoken`
 * that is much longer.
 */
export const TOKEN_WARN_LENGTH = 250;
/**
 * In milliseconds: how far the clock of another issuer may differ from the gateway's clock. Tokens of the local key get no
 * tolerance, because the same machine issues and verifies them.
 */
export const CLOCK_TOLERANCE_MS = 60_000;
/**
 * The latest time in a token, in seconds: 20 November 2286. Until then a time in seconds has at most ten digits, and one in
 * milliseconds, a common mistake, has thirteen and would be valid for ten thousands of years.
 */
const NUMERIC_DATE_MAX = 9_999_999_999;
/** Maximum number of targets in one token. */
const TARGETS_MAX = 64;

/** The claims of a token that `mintToken` issues. */
export interface TokenClaims {
  /** Claim `sub`. */
  readonly user: string;
  /** Claim `tgt`: 1 to 64 targets, `host` or `host:port`. The token opens no others. */
  readonly targets: readonly string[];
  /** Claim `aud`: the gateway's name. */
  readonly audience: string;
  /** Claim `exp`, rounded down to whole seconds. */
  readonly expiresAt: Date;
  /** Claim `jti`, for the log. */
  readonly id: string;
}

/**
 * Issues a signed token (compact JWS, HS256) with the gateway's own key. With names of usual length it is not longer than
 * `TOKEN_WARN_LENGTH` characters.
 *
 * @throws {Fault} of kind `input` for claims that the verifier would reject: `TOKEN_CLAIMS`, or `TARGET_INVALID` for a target;
 * of kind `configuration` (`KEY_INVALID`) for a key shorter than 32 bytes.
 */
export async function mintToken(key: Uint8Array, claims: TokenClaims): Promise<string> {
  const targets = claims.targets.map((text) => formatTarget(parseTarget(text)));
  if (!isPrintable(claims.user, USER_NAME_MAX)) throw invalidClaims(`${quote(claims.user)} is not a user name`);
  if (targets.length === 0 || targets.length > TARGETS_MAX)
    throw invalidClaims(`a token needs 1 to ${TARGETS_MAX} targets`);
  const exp = Math.floor(claims.expiresAt.getTime() / 1000);
  if (!isSeconds(exp)) throw invalidClaims('the expiry of the token is not a valid time');
  const payload = {
    sub: claims.user,
    tgt: targets.length === 1 ? targets[0] : targets,
    aud: claims.audience,
    jti: claims.id,
    exp,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const { key: secret } = localKey(key);
  const token = await new CompactSign(bytes).setProtectedHeader({ alg: 'HS256' }).sign(await secret);
  if (token.length > TOKEN_MAX_LENGTH)
    throw invalidClaims(`the token would be longer than ${TOKEN_MAX_LENGTH} characters`);
  return token;
}

/** Options of `createSignedVerifier`. At least one key is required. */
export interface SignedVerifierOptions {
  /** The gateway's own HS256 secret, at least 32 bytes. */
  readonly localKey?: Uint8Array | undefined;
  /** Public keys of other issuers in PEM. The log refers to each by its `label`. */
  readonly publicKeys?: readonly { readonly label: string; readonly pem: string }[] | undefined;
  /** A JWK set of another issuer, as JSON text. */
  readonly jwks?: { readonly label: string; readonly json: string } | undefined;
  /** Called with a sentence for each key of the set that is left out, because it cannot be used. */
  readonly warn?: ((warning: string) => void) | undefined;
  /** The names of the gateway, at least one. Claim `aud` must have one of them, in any letter case. */
  readonly audiences: readonly string[];
}

/** The result of a `SignedVerifier`. */
export type SignedVerdict =
  | {
      readonly allow: true;
      /** Claim `sub`. */
      readonly user: string;
      /** Claim `tgt`, in canonical form. */
      readonly targets?: readonly string[];
      /** Whether the gateway's own key signed the token. */
      readonly local: boolean;
      readonly credential: SignedCredential;
    }
  | {
      readonly allow: false;
      /** For the log. It repeats at most the algorithm, the key id and audiences of the token. */
      readonly reason: string;
    };

/** All times are in milliseconds since the epoch. */
export interface SignedVerifier {
  /** Verifies a token. Never rejects. */
  readonly verify: (token: string, now: number) => Promise<SignedVerdict>;
  /** Why a token that was accepted earlier, by this or another verifier, is not accepted any more. `undefined` if it is. */
  readonly revalidate: (credential: SignedCredential, now: number) => Revalidation | undefined;
}

/**
 * Creates a verifier for signed tokens.
 *
 * A token may be used any number of times until it expires, because clients reconnect with the same token. A token of another
 * issuer may omit claim `tgt`; then the allow rules of the configuration decide about targets.
 *
 * @throws {Fault} of kind `configuration` (`KEY_INVALID`) for a key that cannot be used, for more than eight keys of one algorithm
 * without key ids, or without a key or a name.
 */
export function createSignedVerifier(options: SignedVerifierOptions): SignedVerifier {
  const set = options.jwks === undefined ? undefined : keySet(options.jwks.json, options.jwks.label);
  for (const warning of set?.warnings ?? []) options.warn?.(warning);
  const keys: VerificationKey[] = [
    ...(options.localKey === undefined ? [] : [localKey(options.localKey)]),
    ...(options.publicKeys ?? []).map(({ pem, label }) => publicKey(pem, label)),
    ...(set?.keys ?? []),
  ];
  checkCandidates(keys);
  const audiences = options.audiences.map(normalizeAudience);
  if (keys.length === 0 || audiences.length === 0) {
    throw new Fault({
      kind: 'configuration',
      code: 'KEY_INVALID',
      message: 'there is no key or no gateway name to verify tokens with',
    });
  }
  return {
    async verify(token, now) {
      const signature = await checkSignature(token, keys);
      if (!signature.valid) return refuse(signature.reason);
      const claims = parseObject(signature.payload);
      if (claims === undefined) return refuse('the payload of the token is not a JSON object');
      return readClaims(claims, signature.key, audiences, now);
    },
    revalidate(credential, now) {
      const key = keys.find(({ fingerprint }) => fingerprint === credential.key);
      if (key === undefined) return revoked('the key of the token is no longer accepted');
      const wrongAudience = audienceProblem(credential.audiences, audiences);
      if (wrongAudience !== undefined) return revoked(wrongAudience);
      const expired = expiryProblem(credential.expiresAt, key, now);
      return expired === undefined ? undefined : { valid: false, code: 'expired', reason: expired };
    },
  };
}

function readClaims(
  claims: Readonly<Record<string, unknown>>,
  key: VerificationKey,
  audiences: readonly string[],
  now: number,
): SignedVerdict {
  const { exp, nbf, aud, sub, tgt } = claims;
  const { local, label } = key;
  if (!isNumericDate(exp)) return refuse('the token has no expiry');
  if (!isSeconds(exp)) return refuse(tooLate('the expiry (exp)', exp));
  const expired = expiryProblem(exp * 1000, key, now);
  if (expired !== undefined) return refuse(expired);
  if (nbf !== undefined && !isNumericDate(nbf)) return refuse('the start of validity (nbf) of the token is not a time');
  if (nbf !== undefined && !isSeconds(nbf)) return refuse(tooLate('the start of validity (nbf)', nbf));
  if (nbf !== undefined && now + toleranceOf(key) < nbf * 1000)
    return refuse(`the token becomes valid in ${formatDuration(nbf * 1000 - now)}`);

  const audienceNames = (Array.isArray(aud) ? aud : [aud])
    .filter((name) => typeof name === 'string')
    .map(normalizeAudience);
  const wrongAudience = audienceProblem(audienceNames, audiences);
  if (wrongAudience !== undefined) return refuse(wrongAudience);
  if (!isPrintable(sub, USER_NAME_MAX)) return refuse('the token has no printable user name (sub)');
  const credential = { mode: 'signed', key: key.fingerprint, audiences: audienceNames, expiresAt: exp * 1000 } as const;
  if (tgt === undefined) {
    if (local) return refuse('the token names no target');
    return { allow: true, user: sub, local, credential };
  }
  const targets = readTargets(tgt);
  if (targets === undefined) return refuse(`the token of ${label} has a malformed target`);
  return { allow: true, user: sub, targets, local, credential };
}

function expiryProblem(expiresAt: number, key: VerificationKey, now: number): string | undefined {
  if (now < expiresAt + toleranceOf(key)) return undefined;
  return `the token expired ${formatDuration(now - expiresAt)} ago`;
}

function toleranceOf({ local }: VerificationKey): number {
  return local ? 0 : CLOCK_TOLERANCE_MS;
}

function audienceProblem(named: readonly string[], own: readonly string[]): string | undefined {
  if (named.some((name) => own.includes(name))) return undefined;
  const found = named.length === 0 ? 'no audience' : `the audience ${named.slice(0, 3).map(quote).join(', ')}`;
  return `the token names ${found}, this gateway is ${own.map(quote).join(' or ')}`;
}

function readTargets(tgt: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(tgt) ? tgt : [tgt];
  if (list.length === 0 || list.length > TARGETS_MAX) return undefined;
  try {
    return list.map((text) => formatTarget(parseTarget(typeof text === 'string' ? text : '')));
  } catch {
    return undefined;
  }
}

/** Reports whether `value` is a NumericDate (RFC 7519 section 2): seconds since the epoch. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isSeconds(value: unknown): value is number {
  return isNumericDate(value) && value <= NUMERIC_DATE_MAX;
}

function tooLate(claim: string, value: number): string {
  const milliseconds = value / 1000 <= NUMERIC_DATE_MAX;
  return `${claim} of the token is after the year 2286: it is in seconds${milliseconds ? ', not in milliseconds' : ''}`;
}

function normalizeAudience(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function formatDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

function refuse(reason: string): SignedVerdict {
  return { allow: false, reason };
}

function invalidClaims(message: string): Fault {
  return new Fault({ kind: 'input', code: 'TOKEN_CLAIMS', message });
}
