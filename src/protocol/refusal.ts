/** How each request is refused: with its own response PDU, in the HRESULT form that every client takes for a failure. */
import { hresultOfWin32, PKT_TYPE, RESULT } from './codes.js';
import type { FlowState } from './flow.js';
import { OUR_EXTENDED_AUTH, VERSION } from './offer.js';
import {
  CHANNEL_RESPONSE,
  EXTENDED_AUTH_MSG,
  HANDSHAKE_RESPONSE,
  TUNNEL_AUTH_RESPONSE,
  TUNNEL_RESPONSE,
} from './packets.js';

/** The response that refuses, by the state in which the gateway owes one. */
const REFUSALS: Readonly<Partial<Record<FlowState, (code: number) => Buffer>>> = {
  handshake: (errorCode) =>
    HANDSHAKE_RESPONSE.encode({ errorCode, ...VERSION, serverVersion: 0, extendedAuth: OUR_EXTENDED_AUTH }),
  'extended-auth': (errorCode) => EXTENDED_AUTH_MSG.encode({ errorCode, authBlob: Buffer.alloc(0) }),
  'tunnel-requested': (statusCode) => TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode }),
  'authorization-requested': (errorCode) => TUNNEL_AUTH_RESPONSE.encode({ errorCode }),
  'channel-requested': (errorCode) => CHANNEL_RESPONSE.encode({ errorCode }),
};

/** The PDU that refuses in this state; undefined where the gateway owes no response. */
export function refusal(state: FlowState, code: number): Buffer | undefined {
  return REFUSALS[state]?.(code);
}

/**
 * The HRESULT form of a code: clients take one without its top bit for success. INVARIANT: no code makes a refusal succeed; 0
 * becomes E_PROXY_INTERNALERROR.
 */
export function asFailure(code: number): number {
  if (code >= 0x80000000) return code;
  return code === RESULT.SUCCESS ? RESULT.E_PROXY_INTERNALERROR : hresultOfWin32(code);
}

interface DueRequest {
  readonly type: number;
  readonly owes: FlowState;
  readonly code: number;
}

/** The request that is due in a state, the state in which its response is owed, and the code for one that cannot be read. */
const DUE: Readonly<Partial<Record<FlowState, DueRequest>>> = {
  start: { type: PKT_TYPE.HANDSHAKE_REQUEST, owes: 'handshake', code: RESULT.E_PROXY_INTERNALERROR },
  // The only part of TUNNEL_CREATE that can be misshapen is what hangs on fieldsPresent: the cookie.
  open: { type: PKT_TYPE.TUNNEL_CREATE, owes: 'tunnel-requested', code: RESULT.E_PROXY_COOKIE_BADPACKET },
  'tunnel-created': { type: PKT_TYPE.TUNNEL_AUTH, owes: 'authorization-requested', code: RESULT.E_PROXY_INTERNALERROR },
  authorized: { type: PKT_TYPE.CHANNEL_CREATE, owes: 'channel-requested', code: RESULT.E_PROXY_INTERNALERROR },
};

/** Whether a PDU of this type is the request that is due; undefined otherwise. */
export function dueRequest(state: FlowState, type: number | undefined): DueRequest | undefined {
  const due = DUE[state];
  return due?.type === type ? due : undefined;
}
