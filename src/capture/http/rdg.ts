/** What an RDG request says about itself, in headers or in the query of its target (MS-TSGU 2.2.3.2 and 2.2.3.3). */
import { hasWord, headerValue, type RequestHead } from './head.js';

export type RequestKind = 'out' | 'in' | 'upgrade' | 'rpc-out' | 'rpc-in' | 'other';

export interface RdgRequest {
  /** `upgrade` is a browser's GET; a native client's RDG_OUT_DATA is `out` and may ask for a WebSocket all the same. */
  readonly kind: RequestKind;
  /** Asks for a WebSocket. */
  readonly upgrade: boolean;
  /** Lower case and without braces, so that two connections of one conversation agree. */
  readonly connectionId?: string;
  readonly correlationId?: string;
  /** Decoded from base64 of UTF-16LE. Unauthenticated: the client's own words. */
  readonly userId?: string;
  /** `PAA`, `SSPI_NTLM`, … as RDG-Auth-Scheme or AuthS say. */
  readonly authScheme?: string;
}

/** Characters that are kept of an identifier or a name. */
export const MAX_ID = 128;
export const MAX_USER_ID = 512;

const KINDS: Readonly<Record<string, RequestKind>> = {
  RDG_OUT_DATA: 'out',
  RDG_IN_DATA: 'in',
  RPC_OUT_DATA: 'rpc-out',
  RPC_IN_DATA: 'rpc-in',
};
/** 1.9.2; also without the last slash, in any letter case. */
const PATH = '/remotedesktopgateway';

export function rdgRequest(head: RequestHead): RdgRequest {
  const { headers } = head;
  const question = head.target.indexOf('?');
  const query = new URLSearchParams(question < 0 ? '' : head.target.slice(question + 1));
  const given = (header: string, parameter: string): string | undefined =>
    headerValue(headers, header) ?? query.get(parameter) ?? undefined;
  const connection = given('rdg-connection-id', 'ConId');
  const correlation = given('rdg-correlation-id', 'CorId');
  const user = given('rdg-user-id', 'UsrId');
  const scheme = given('rdg-auth-scheme', 'AuthS');
  const upgrade = hasWord(headers, 'upgrade', 'websocket');
  const ours = connection !== undefined || head.target.toLowerCase().startsWith(PATH);
  return {
    kind: KINDS[head.method.toUpperCase()] ?? (upgrade && ours ? 'upgrade' : 'other'),
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

/** UTF-16LE in base64 (2.2.3.2.3); what is no base64 of whole characters stands as it is. */
function decodeUserId(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  if (!/^[\w+/-]+={0,2}$/.test(text) || bytes.length === 0 || bytes.length % 2 !== 0) return text.slice(0, MAX_USER_ID);
  return bytes.toString('utf16le').slice(0, MAX_USER_ID).replace(/\0+$/, '');
}
