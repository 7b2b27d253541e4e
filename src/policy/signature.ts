import { compactVerify } from 'jose';
import type { VerificationKey } from './keys.js';
import { quote } from './printable.js';

/** A token from a portal with a long list of targets; the cookie field of the protocol would take eight times that. */
export const TOKEN_MAX_LENGTH = 4096;

export type SignatureResult =
  | { readonly valid: true; readonly payload: Uint8Array; readonly key: VerificationKey }
  | { readonly valid: false; readonly reason: string };

interface Header {
  readonly alg: string;
  readonly kid: string | undefined;
}

/**
 * Checks a compact JWS (RFC 7515 section 7.1) against the keys. The header chooses among the keys that are configured, and
 * only by an algorithm that is bound to the key: a key inside the token or behind an address in it is never looked at, and
 * extensions (`crit`) are refused. Reasons are for the log and hold nothing of the token but its algorithm and key id.
 */
export async function checkSignature(token: string, keys: readonly VerificationKey[]): Promise<SignatureResult> {
  if (token.length > TOKEN_MAX_LENGTH) return invalid(`the token is longer than ${TOKEN_MAX_LENGTH} characters`);
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) return invalid('the token is not a compact JWS');
  const header = readHeader(token.slice(0, token.indexOf('.')));
  if (typeof header === 'string') return invalid(header);

  const fitting = keys.filter((key) => key.algorithms.includes(header.alg));
  if (fitting.length === 0) return invalid(`no key accepts the algorithm ${quote(header.alg)}`);
  const named = fitting.filter((key) => header.kid === undefined || key.id === undefined || key.id === header.kid);
  if (named.length === 0) return invalid(`no key has the id ${quote(header.kid ?? '')}`);
  for (const key of named) {
    try {
      const { payload } = await compactVerify(token, await key.key, { algorithms: [header.alg] });
      return { valid: true, payload, key };
    } catch {
      // The next key may be the one; after the last, the signature matches none.
    }
  }
  return invalid(`the signature does not match ${named.map((key) => key.label).join(', ')}`);
}

/** The part of the header that counts, or why it is refused. */
function readHeader(encoded: string): Header | string {
  const header = parseObject(Buffer.from(encoded, 'base64url'));
  if (header === undefined) return 'the token has no readable header';
  const { alg, kid } = header;
  if (typeof alg !== 'string') return 'the token names no algorithm';
  if ('crit' in header || 'b64' in header) return 'the token needs extensions that are not supported';
  if (kid !== undefined && typeof kid !== 'string') return 'the token has an odd key id';
  return { alg, kid };
}

/** Bytes as a JSON object, or nothing. */
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
