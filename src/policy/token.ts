import { CompactSign } from 'jose';
import { Fault } from '../fault.js';
import { keySet, localKey, publicKey, type VerificationKey } from './keys.js';
import { isPrintable, quote, USER_NAME_MAX } from './printable.js';
import { checkSignature, parseObject, TOKEN_MAX_LENGTH } from './signature.js';
import { formatTarget, parseTarget } from './target.js';

export { TOKEN_MAX_LENGTH };

/** Some clients and tools cut or refuse a `gatewayaccesstoken` that is much longer; `mkrdp` warns above it. */
export const TOKEN_WARN_LENGTH = 250;
/** What an issuer's clock may be off, either way. The local key's tokens are made and checked by the same clock. */
export const CLOCK_TOLERANCE_MS = 60_000;
/** Targets in one token. */
const TARGETS_MAX = 64;

export interface TokenClaims {
  /** Claim `sub`. */
  readonly user: string;
  /** Claim `tgt`: `host:port`, at least one; the only targets the token opens. */
  readonly targets: readonly string[];
  /** Claim `aud`: the gateway's name. */
  readonly audience: string;
  /** Claim `exp`, in whole seconds. */
  readonly expiresAt: Date;
  /** Claim `jti`, for the log. */
  readonly id: string;
}

/**
 * Makes a signed token (compact JWS, HS256) with the gateway's own key. With usual names it stays within
 * `TOKEN_WARN_LENGTH` characters. Throws a `Fault` of kind `input` for claims that the verifier would refuse.
 */
export async function mintToken(key: Uint8Array, claims: TokenClaims): Promise<string> {
  const targets = claims.targets.map((text) => formatTarget(parseTarget(text)));
  if (!isPrintable(claims.user, USER_NAME_MAX)) throw bad(`${quote(claims.user)} is not a user name`);
  if (targets.length === 0 || targets.length > TARGETS_MAX) throw bad(`a token names 1 to ${TARGETS_MAX} targets`);
  const exp = Math.floor(claims.expiresAt.getTime() / 1000);
  if (!Number.isFinite(exp)) throw bad('the expiry of the token is not a time');
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
  if (token.length > TOKEN_MAX_LENGTH) throw bad(`the token would be longer than ${TOKEN_MAX_LENGTH} characters`);
  return token;
}

export interface SignedVerifierOptions {
  /** The gateway's own HS256 secret, 32 bytes or more. */
  readonly localKey?: Uint8Array | undefined;
  /** Keys of other issuers in PEM; `label` is what the log calls them. */
  readonly publicKeys?: readonly { readonly label: string; readonly pem: string }[] | undefined;
  /** A JWK set of another issuer, as JSON text. */
  readonly jwks?: { readonly label: string; readonly json: string } | undefined;
  /** The gateway's names; a token must be for one of them. Letter case does not matter. */
  readonly audiences: readonly string[];
}

export type SignedVerdict =
  | {
      readonly allow: true;
      readonly user: string;
      readonly targets?: readonly string[];
      /** Signed by the gateway's own key. */
      readonly local: boolean;
    }
  | { readonly allow: false; readonly reason: string };

/** `now` is in milliseconds since the epoch. */
export type SignedVerifier = (token: string, now: number) => Promise<SignedVerdict>;

/**
 * A verifier for signed tokens. Throws a `Fault` (`KEY_INVALID`) for a key that cannot be used.
 *
 * A token may be used until it expires, any number of times: clients reconnect with it. Without `tgt`, which only another
 * issuer's token can lack, the allow rules of the configuration decide about targets.
 */
export function createSignedVerifier(options: SignedVerifierOptions): SignedVerifier {
  const keys: VerificationKey[] = [
    ...(options.localKey === undefined ? [] : [localKey(options.localKey)]),
    ...(options.publicKeys ?? []).map(({ pem, label }) => publicKey(pem, label)),
    ...(options.jwks === undefined ? [] : keySet(options.jwks.json, options.jwks.label)),
  ];
  const audiences = options.audiences.map(normalizeAudience);
  if (keys.length === 0 || audiences.length === 0) {
    throw new Fault({
      kind: 'configuration',
      code: 'KEY_INVALID',
      message: 'there is no key or no name to check tokens with',
    });
  }
  return async (token, now) => {
    const signature = await checkSignature(token, keys);
    if (!signature.valid) return refuse(signature.reason);
    const claims = parseObject(signature.payload);
    if (claims === undefined) return refuse('the token holds no claims');
    return readClaims(claims, signature.key, audiences, now);
  };
}

function readClaims(
  claims: Readonly<Record<string, unknown>>,
  { local, label }: VerificationKey,
  audiences: readonly string[],
  now: number,
): SignedVerdict {
  const { exp, nbf, aud, sub, tgt } = claims;
  const tolerance = local ? 0 : CLOCK_TOLERANCE_MS;
  if (!isSeconds(exp)) return refuse('the token has no expiry');
  if (now >= exp * 1000 + tolerance) return refuse(`the token expired ${ago(now - exp * 1000)} ago`);
  if (nbf !== undefined && !isSeconds(nbf)) return refuse('the token has an odd start of validity');
  if (nbf !== undefined && now + tolerance < nbf * 1000)
    return refuse(`the token is valid in ${ago(nbf * 1000 - now)} only`);

  const named = (Array.isArray(aud) ? aud : [aud]).filter((name) => typeof name === 'string');
  if (!named.some((name) => audiences.includes(normalizeAudience(name)))) {
    const found = named.length === 0 ? 'no audience' : `the audience ${named.slice(0, 3).map(quote).join(', ')}`;
    return refuse(`the token names ${found}, this gateway is ${audiences.map(quote).join(' or ')}`);
  }
  if (!isPrintable(sub, USER_NAME_MAX)) return refuse('the token names no printable user');
  if (tgt === undefined) {
    if (local) return refuse('the token names no target');
    return { allow: true, user: sub, local };
  }
  const targets = readTargets(tgt);
  if (targets === undefined) return refuse(`the token of ${label} has a malformed target`);
  return { allow: true, user: sub, targets, local };
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

/** RFC 7519 section 2, NumericDate; bounded so that it is still exact in milliseconds. */
function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value * 1000 <= Number.MAX_SAFE_INTEGER;
}

function normalizeAudience(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function ago(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

function refuse(reason: string): SignedVerdict {
  return { allow: false, reason };
}

function bad(message: string): Fault {
  return new Fault({ kind: 'input', code: 'TOKEN_CLAIMS', message });
}
