/** What a gateway that takes tokens makes of the client's requests: pure judgements, carried out by the session. */
import { HTTP_EXTENDED_AUTH, RESULT } from './codes.js';
import { decodePaaCookie } from './cookie.js';
import { OUR_EXTENDED_AUTH, VERSION } from './offer.js';
import type { PacketFields } from './packets.js';

/** The code for the client, and more for the log. */
export interface Refusal {
  readonly code: number;
  readonly detail: string;
}

/** Why a handshake cannot be accepted; undefined when it can. */
export function refusedHandshake(fields: PacketFields<'HANDSHAKE_REQUEST'>): Refusal | undefined {
  if (fields.verMajor > VERSION.verMajor) {
    return {
      code: RESULT.E_PROXY_NOTSUPPORTED,
      detail: `the client speaks version ${fields.verMajor}.${fields.verMinor}`,
    };
  }
  // A client that wants SSPI_NTLM waits for its legs and cannot be served by a token.
  const wantsLegs = (fields.extendedAuth & HTTP_EXTENDED_AUTH.SSPI_NTLM) !== 0;
  if (wantsLegs && (fields.extendedAuth & OUR_EXTENDED_AUTH) === 0) {
    return { code: RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD, detail: 'the client wants SSPI_NTLM' };
  }
  return undefined;
}

/** The access token of TUNNEL_CREATE as text, or why there is none. */
export function requestedToken(fields: PacketFields<'TUNNEL_CREATE'>, extendedAuth: number): string | Refusal {
  // 3.7.5.2 lets a client send an empty context along with its cookie; a real one asks for what is not offered.
  if (fields.reauthTunnelContext) {
    return { code: RESULT.E_PROXY_NOTSUPPORTED, detail: 're-authentication is not offered' };
  }
  if (!fields.paaCookie) {
    const inPaaMode = (extendedAuth & HTTP_EXTENDED_AUTH.PAA) !== 0;
    const code = inPaaMode ? RESULT.E_PROXY_COOKIE_BADPACKET : RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD;
    return { code, detail: 'no access token was sent' };
  }
  const token = decodePaaCookie(fields.paaCookie);
  return token ?? { code: RESULT.E_PROXY_COOKIE_BADPACKET, detail: 'the access token is empty or no text' };
}
