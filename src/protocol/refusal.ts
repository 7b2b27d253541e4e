/**
 * The response PDUs that refuse a request. Their codes have the HRESULT form, which every client treats as a failure.
 */
import { hresultOfWin32, PKT_TYPE, RESULT } from './codes.js';
import type { FlowState } from './flow.js';
import { SUPPORTED_EXTENDED_AUTH, VERSION } from './offer.js';
import {
  CHANNEL_RESPONSE,
  EXTENDED_AUTH_MSG,
  HANDSHAKE_RESPONSE,
  TUNNEL_AUTH_RESPONSE,
  TUNNEL_RESPONSE,
} from './packets.js';

/** Builds the refusing response, for each state in which the gateway has to send a response. */
const REFUSALS: Readonly<Partial<Record<FlowState, (code: number) => Buffer>>> = {
  handshake: (errorCode) =>
    HANDSHAKE_RESPONSE.encode({ errorCode, ...VERSION, serverVersion: 0, extendedAuth: SUPPORTED_EXTENDED_AUTH }),
  'extended-auth': (errorCode) => EXTENDED_AUTH_MSG.encode({ errorCode, authBlob: Buffer.alloc(0) }),
  'tunnel-requested': (statusCode) => TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode }),
  'authorization-requested': (errorCode) => TUNNEL_AUTH_RESPONSE.encode({ errorCode }),
  'channel-requested': (errorCode) => CHANNEL_RESPONSE.encode({ errorCode }),
};

/** Returns the PDU that refuses in this state, or undefined if no response is pending. */
export function refusal(state: FlowState, code: number): Buffer | undefined {
  return REFUSALS[state]?.(code);
}

/**
 * Returns the HRESULT form of a code, because clients treat a code whose top bit is clear as success. INVARIANT: a
 * refusal never carries a success code; 0 becomes E_PROXY_INTERNALERROR.
 */
export function asFailure(code: number): number {
  if (code >= 0x80000000) return code;
  return code === RESULT.SUCCESS ? RESULT.E_PROXY_INTERNALERROR : hresultOfWin32(code);
}

interface ExpectedRequest {
  readonly type: number;
  /** The state in which the response to the request is pending. */
  readonly responseState: FlowState;
  /** The code that refuses a request that cannot be decoded. */
  readonly code: number;
}

/** The request that the gateway expects in a state. */
const EXPECTED: Readonly<Partial<Record<FlowState, ExpectedRequest>>> = {
  start: { type: PKT_TYPE.HANDSHAKE_REQUEST, responseState: 'handshake', code: RESULT.E_PROXY_INTERNALERROR },
  // Only the optional fields of TUNNEL_CREATE can be malformed, and the cookie is the one that clients send.
  open: { type: PKT_TYPE.TUNNEL_CREATE, responseState: 'tunnel-requested', code: RESULT.E_PROXY_COOKIE_BADPACKET },
  'tunnel-created': {
    type: PKT_TYPE.TUNNEL_AUTH,
    responseState: 'authorization-requested',
    code: RESULT.E_PROXY_INTERNALERROR,
  },
  authorized: { type: PKT_TYPE.CHANNEL_CREATE, responseState: 'channel-requested', code: RESULT.E_PROXY_INTERNALERROR },
};

/** Returns the request expected in `state` if `type` is its packet type, and undefined otherwise. */
export function expectedRequest(state: FlowState, type: number | undefined): ExpectedRequest | undefined {
  const expected = EXPECTED[state];
  return expected?.type === type ? expected : undefined;
}
