/** The RDG fields of a request, from its headers or from the query of its target (MS-TSGU 2.2.3.2 and 2.2.3.3). */
import { hasToken, headerValue, type RequestHead } from './head.js';

export type RequestKind = 'out' | 'in' | 'upgrade' | 'rpc-out' | 'rpc-in' | 'other';

export interface RdgRequest {
  /** `upgrade` is a browser's GET. RDG_OUT_DATA is `out`, also when it asks for a WebSocket as native clients do. */
  readonly kind: RequestKind;
  /** The request asks for a WebSocket. */
  readonly upgrade: boolean;
  /** Lower case and without braces, so that the connections of one conversation compare equal. */
  readonly connectionId?: string;
  readonly correlationId?: string;
  /** Decoded from base64 of UTF-16LE. The client's claim, not authenticated. */
  readonly userId?: string;
  /** `PAA`, `SSPI_NTLM`, …: the value of RDG-Auth-Scheme or AuthS. */
  readonly authScheme?: string;
}

/** Characters kept of an identifier. */
export const MAX_ID = 128;
export const MAX_USER_ID = 512;

const KINDS: Readonly<Record<string, RequestKind>> = {
  RDG_OUT_DATA: 'out',
  RDG_IN_DATA: 'in',
  RPC_OUT_DATA: 'rpc-out',
  RPC_IN_DATA: 'rpc-in',
};
/** MS-TSGU 1.9.2. The trailing slash is optional and letter case is ignored. */
const PATH = '/remotedesktopgateway';

export function rdgRequest(head: RequestHead): RdgRequest {
  const { headers } = head;
  const queryMark = head.target.indexOf('?');
  const query = new URLSearchParams(queryMark < 0 ? '' : head.target.slice(queryMark + 1));
  const fieldValue = (header: string, parameter: string): string | undefined =>
    headerValue(headers, header) ?? query.get(parameter) ?? undefined;
  const connection = fieldValue('rdg-connection-id', 'ConId');
  const correlation = fieldValue('rdg-correlation-id', 'CorId');
  const user = fieldValue('rdg-user-id', 'UsrId');
  const scheme = fieldValue('rdg-auth-scheme', 'AuthS');
  const upgrade = hasToken(headers, 'upgrade', 'websocket');
  const isGateway = connection !== undefined || head.target.toLowerCase().startsWith(PATH);
  return {
    kind: KINDS[head.method.toUpperCase()] ?? (upgrade && isGateway ? 'upgrade' : 'other'),
    upgrade,
    ...(connection !== undefined && { connectionId: normaliseId(connection) }),
    ...(correlation !== undefined && { correlationId: normaliseId(correlation) }),
    ...(user !== undefined && { userId: decodeUserId(user) }),
    ...(scheme !== undefined && { authScheme: scheme.slice(0, MAX_ID) }),
  };
}

function normaliseId(text: string): string {
  return text.slice(0, MAX_ID).trim().replace(/^\{/, '').replace(/\}$/, '').toLowerCase();
}

/** Decodes base64 of UTF-16LE (2.2.3.2.3). Text that is not base64 of whole characters is returned as it is. */
function decodeUserId(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  if (!/^[\w+/-]+={0,2}$/.test(text) || bytes.length === 0 || bytes.length % 2 !== 0) return text.slice(0, MAX_USER_ID);
  return bytes.toString('utf16le').slice(0, MAX_USER_ID).replace(/\0+$/, '');
}
