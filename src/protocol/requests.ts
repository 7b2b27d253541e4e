/** Validation of the client's requests by a gateway that supports PAA tokens only. The session sends the responses. */
import { HTTP_EXTENDED_AUTH, RESULT } from './codes.js';
import { decodePaaCookie } from './cookie.js';
import { SUPPORTED_EXTENDED_AUTH, VERSION } from './offer.js';
import type { PacketFields } from './packets.js';

/** Why a request is refused: the result code for the client, and a detail for the log. */
export interface Refusal {
  readonly code: number;
  readonly detail: string;
}

/** Returns the reason to refuse a handshake, or undefined if it is acceptable. */
export function refusedHandshake(fields: PacketFields<'HANDSHAKE_REQUEST'>): Refusal | undefined {
  if (fields.verMajor > VERSION.verMajor) {
    return {
      code: RESULT.E_PROXY_NOTSUPPORTED,
      detail: `the client speaks version ${fields.verMajor}.${fields.verMinor}, this gateway ${VERSION.verMajor}.${VERSION.verMinor}`,
    };
  }
  // A client that requests SSPI_NTLM expects EXTENDED_AUTH_MSG exchanges and sends no token.
  const wantsNtlm = (fields.extendedAuth & HTTP_EXTENDED_AUTH.SSPI_NTLM) !== 0;
  if (wantsNtlm && (fields.extendedAuth & SUPPORTED_EXTENDED_AUTH) === 0) {
    return {
      code: RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
      detail: 'the client wants to log on without a token (SSPI_NTLM)',
    };
  }
  return undefined;
}

/** Returns the access token of TUNNEL_CREATE as text, or the reason to refuse the request. */
export function requestedToken(fields: PacketFields<'TUNNEL_CREATE'>, extendedAuth: number): string | Refusal {
  // 3.7.5.2 allows a zero context beside the cookie. Any other context requests re-authentication.
  if (fields.reauthTunnelContext) {
    return {
      code: RESULT.E_PROXY_NOTSUPPORTED,
      detail: 'the client wants to renew a tunnel, but re-authentication is not offered',
    };
  }
  if (!fields.paaCookie) {
    const inPaaMode = (extendedAuth & HTTP_EXTENDED_AUTH.PAA) !== 0;
    const code = inPaaMode ? RESULT.E_PROXY_COOKIE_BADPACKET : RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD;
    return { code, detail: 'the client sent no access token' };
  }
  const token = decodePaaCookie(fields.paaCookie);
  return token ?? { code: RESULT.E_PROXY_COOKIE_BADPACKET, detail: 'the access token is empty or no text' };
}
