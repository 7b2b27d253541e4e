import { compactVerify } from 'jose';
import { CANDIDATES_MAX, candidatesOf, type VerificationKey } from './keys.js';
import { quote } from './printable.js';

/**
 * Maximum length of a token in characters: enough for a long list of targets. The cookie field of the protocol allows eight
 * times as much.
 */
export const TOKEN_MAX_LENGTH = 4096;

export type SignatureResult =
  | { readonly valid: true; readonly payload: Uint8Array; readonly key: VerificationKey }
  | { readonly valid: false; readonly reason: string };

interface Header {
  readonly alg: string;
  readonly kid: string | undefined;
}

/**
 * Verifies a compact JWS (RFC 7515 section 7.1) with the keys. The header only selects among the configured keys, by key id and
 * by an algorithm that is bound to the key. A key inside the token, or at a URL in it, is never used, and extensions (`crit`)
 * are rejected. Reasons are for the log and contain nothing of the token except its algorithm and key id.
 */
export async function checkSignature(token: string, keys: readonly VerificationKey[]): Promise<SignatureResult> {
  if (token.length > TOKEN_MAX_LENGTH) return invalid(`the token is longer than ${TOKEN_MAX_LENGTH} characters`);
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return invalid('the token is not a compact JWS');
  const header = readHeader(token.slice(0, token.indexOf('.')));
  if (typeof header === 'string') return invalid(header);

  if (!keys.some((key) => key.algorithms.includes(header.alg)))
    return invalid(`no key accepts the algorithm ${quote(header.alg)}`);
  const matching = candidatesOf(keys, header.alg, header.kid);
  if (matching.length === 0) return invalid(`no key has the id ${quote(header.kid ?? '')}`);
  if (matching.length > CANDIDATES_MAX)
    return invalid(
      `the token names no key id (kid) of its own, and ${matching.length} keys accept ${quote(header.alg)}`,
    );
  for (const key of matching) {
    try {
      const { payload } = await compactVerify(token, await key.key, { algorithms: [header.alg] });
      return { valid: true, payload, key };
    } catch {
      // The next key may match.
    }
  }
  return invalid(`the signature does not match ${matching.map((key) => key.label).join(', ')}`);
}

/** Returns the relevant part of the header, or the reason why it is rejected. */
function readHeader(encoded: string): Header | string {
  const header = parseObject(Buffer.from(encoded, 'base64url'));
  if (header === undefined) return 'the token has no readable header';
  const { alg, kid } = header;
  if (typeof alg !== 'string') return 'the token names no algorithm';
  if ('crit' in header || 'b64' in header) return 'the token needs extensions that are not supported';
  if (kid !== undefined && typeof kid !== 'string') return 'the key id (kid) of the token is not text';
  return { alg, kid };
}

/** Parses UTF-8 bytes as a JSON object. Returns `undefined` if they are not one. */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function invalid(reason: string): SignatureResult {
  return { valid: false, reason };
}
