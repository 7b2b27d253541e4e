/** Authentication inside the tunnel: a PAA cookie in TUNNEL_CREATE, NTLM in EXTENDED_AUTH_MSG (MS-TSGU 3.3.5.3). */
import { PKT_TYPE } from '../../protocol/index.js';
import type { PduEvent } from '../conversation/tunnel.js';
import type { AuthEvent, HttpOptions } from '../http/events.js';
import { tokenIn } from './access-token.js';
import { summariseToken } from './security-token.js';

/**
 * The authentication in a PDU, as an event like that of an HTTP header; undefined where the PDU has none that is
 * readable.
 */
export function authIn(
  { packet, direction, name, frame, time }: PduEvent,
  options: HttpOptions,
): AuthEvent | undefined {
  if (packet === undefined) return undefined;
  const from = direction === 'client-to-server' ? 'client' : 'server';
  const where = { from, header: name, place: { frame, time } } as const;
  if (packet.type === PKT_TYPE.EXTENDED_AUTH_MSG && packet.fields.authBlob.length > 0) {
    return { ...where, summary: { scheme: 'SSPI_NTLM', token: summariseToken(packet.fields.authBlob, options) } };
  }
  const claims = tokenIn(packet);
  if (claims === undefined) return undefined;
  return { ...where, summary: { scheme: 'PAA', claims, ...(claims.user === undefined ? {} : { user: claims.user }) } };
}
