import type { Refusal } from '../http/refusal.js';
import type { RdgRequest } from '../http/request.js';

/**
 * Schemes without authentication at the HTTP level. SSPI_NTLM is refused inside the tunnel, with a code that clients
 * show.
 */
const OPEN_SCHEMES: readonly (string | undefined)[] = [undefined, 'PAA', 'SSPI_NTLM'];
const KNOWN_SCHEMES = ['NEGOTIATE', 'NTLM', 'BASIC', 'DIGEST', 'BEARER', 'SMARTCARD', 'CONNID'];

/** The refusal of an authentication scheme that is not offered. It names the scheme that is. */
export function refusalOfScheme({ authScheme: scheme }: RdgRequest): Refusal | undefined {
  if (OPEN_SCHEMES.includes(scheme)) return undefined;
  // An unknown scheme may be a misplaced token, which must not get into the log.
  const name = KNOWN_SCHEMES.find((known) => known === scheme) ?? 'an unknown scheme';
  const reason = `the client wants ${name}, the gateway takes access tokens`;
  return { status: 401, code: 'SCHEME', reason, headers: { 'WWW-Authenticate': 'PAA' } };
}
