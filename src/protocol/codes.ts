/** Constants of MS-TSGU: packet types, flags and result codes, with the specification's names and sections. */
import type { Names } from './field-kinds.js';

/** HTTP_PACKET_TYPE, 2.2.5.3.3. 0x0E and 0x0F are unassigned. */
export const PKT_TYPE = {
  HANDSHAKE_REQUEST: 0x01,
  HANDSHAKE_RESPONSE: 0x02,
  EXTENDED_AUTH_MSG: 0x03,
  TUNNEL_CREATE: 0x04,
  TUNNEL_RESPONSE: 0x05,
  TUNNEL_AUTH: 0x06,
  TUNNEL_AUTH_RESPONSE: 0x07,
  CHANNEL_CREATE: 0x08,
  CHANNEL_RESPONSE: 0x09,
  DATA: 0x0a,
  SERVICE_MESSAGE: 0x0b,
  REAUTH_MESSAGE: 0x0c,
  KEEPALIVE: 0x0d,
  CLOSE_CHANNEL: 0x10,
  CLOSE_CHANNEL_RESPONSE: 0x11,
} as const;

/** A packet type that the specification defines. */
export type PacketType = (typeof PKT_TYPE)[keyof typeof PKT_TYPE];

/** The name of a packet type: `PKT_TYPE_DATA`, or `PKT_TYPE_0x0e` for an unassigned one. */
export function packetName(type: number): string {
  return PACKET_NAMES.get(type) ?? `PKT_TYPE_0x${type.toString(16).padStart(2, '0')}`;
}

const PACKET_NAMES = new Map<number, string>(
  Object.entries(PKT_TYPE).map(([name, type]) => [type, `PKT_TYPE_${name}`]),
);

/** HTTP_EXTENDED_AUTH, 2.2.5.3.2: how the client authenticates inside the tunnel. */
export const HTTP_EXTENDED_AUTH = { NONE: 0x0, SC: 0x1, PAA: 0x2, SSPI_NTLM: 0x4 } as const satisfies Names;

/** HTTP_CAPABILITY_TYPE, 2.2.5.3.9: the flags of `capsFlags`. */
export const HTTP_CAPABILITY_TYPE = {
  QUAR_SOH: 0x01,
  IDLE_TIMEOUT: 0x02,
  MESSAGING_CONSENT_SIGN: 0x04,
  MESSAGING_SERVICE_MSG: 0x08,
  REAUTH: 0x10,
  UDP_TRANSPORT: 0x20,
} as const satisfies Names;

/** HTTP_TUNNEL_PACKET_FIELDS_PRESENT_FLAGS, 2.2.5.3.6. */
export const TUNNEL_FIELD = { PAA_COOKIE: 0x1, REAUTH: 0x2 } as const satisfies Names;

/** HTTP_TUNNEL_RESPONSE_FIELDS_PRESENT_FLAGS, 2.2.5.3.8; 0x8 is unassigned. */
export const TUNNEL_RESPONSE_FIELD = {
  TUNNEL_ID: 0x1,
  CAPS: 0x2,
  SOH_REQ: 0x4,
  CONSENT_MSG: 0x10,
} as const satisfies Names;

/** HTTP_TUNNEL_AUTH_FIELDS_PRESENT_FLAGS, 2.2.5.3.4. */
export const TUNNEL_AUTH_FIELD = { SOH: 0x1 } as const satisfies Names;

/** HTTP_TUNNEL_AUTH_RESPONSE_FIELDS_PRESENT_FLAGS, 2.2.5.3.5. */
export const TUNNEL_AUTH_RESPONSE_FIELD = {
  REDIR_FLAGS: 0x1,
  IDLE_TIMEOUT: 0x2,
  SOH_RESPONSE: 0x4,
} as const satisfies Names;

/** HTTP_CHANNEL_RESPONSE_FIELDS_PRESENT_FLAGS, 2.2.5.3.1. */
export const CHANNEL_RESPONSE_FIELD = { CHANNELID: 0x1, AUTHNCOOKIE: 0x2, UDPPORT: 0x4 } as const satisfies Names;

/** HTTP_TUNNEL_REDIR_FLAGS, 2.2.5.3.7. Only the client enforces them, so they are not a security boundary. */
export const REDIR = {
  ENABLE_ALL: 0x80000000,
  DISABLE_ALL: 0x40000000,
  DISABLE_DRIVE: 0x1,
  DISABLE_PRINTER: 0x2,
  DISABLE_PORT: 0x4,
  DISABLE_CLIPBOARD: 0x8,
  DISABLE_PNP: 0x10,
} as const satisfies Names;

/** The only valid value of `protocol` in CHANNEL_CREATE: 3, RDP (2.2.10.2). */
export const CHANNEL_PROTOCOL_RDP = 3;

/**
 * Result codes, 2.2.6. INVARIANT: response PDUs carry the HRESULT form, because every version of FreeRDP treats a code
 * whose top bit is clear as success and continues. CLOSE_CHANNEL carries the low form that the specification lists.
 */
export const RESULT = {
  SUCCESS: 0,
  ERROR_ACCESS_DENIED: 0x5,
  ERROR_BAD_ARGUMENTS: 0xa0,
  ERROR_OPERATION_ABORTED: 0x3e3,
  ERROR_GRACEFUL_DISCONNECT: 0x4ca,
  ERROR_CONNECTION_ABORTED: 0x4d4,
  E_PROXY_SESSIONTIMEOUT: 0x59f6,
  E_PROXY_REAUTH_AUTHN_FAILED: 0x59fa,
  E_PROXY_REAUTH_CAP_FAILED: 0x59fb,
  E_PROXY_REAUTH_RAP_FAILED: 0x59fc,
  E_PROXY_SDR_NOT_SUPPORTED_BY_TS: 0x59fd,
  E_PROXY_REAUTH_NAP_FAILED: 0x5a00,
  E_ACCESSDENIED: 0x80070005,
  E_PROXY_INTERNALERROR: 0x800759d8,
  E_PROXY_RAP_ACCESSDENIED: 0x800759da,
  E_PROXY_NAP_ACCESSDENIED: 0x800759db,
  E_PROXY_TS_CONNECTFAILED: 0x800759dd,
  E_PROXY_ALREADYDISCONNECTED: 0x800759df,
  E_PROXY_MAXCONNECTIONSREACHED: 0x800759e6,
  E_PROXY_NOTSUPPORTED: 0x800759e8,
  E_PROXY_CAPABILITYMISMATCH: 0x800759e9,
  E_PROXY_QUARANTINE_ACCESSDENIED: 0x800759ed,
  E_PROXY_NOCERTAVAILABLE: 0x800759ee,
  E_PROXY_COOKIE_BADPACKET: 0x800759f7,
  E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED: 0x800759f8,
  E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD: 0x800759f9,
  SEC_E_LOGON_DENIED: 0x8009030c,
} as const satisfies Names;

/** The specification's name of a result code. */
export type ResultName = keyof typeof RESULT;

const DESCRIPTIONS: Readonly<Record<ResultName, string>> = {
  SUCCESS: 'done',
  ERROR_ACCESS_DENIED: 'a packet came out of order or is not allowed',
  ERROR_BAD_ARGUMENTS: 'the target closed the connection unexpectedly',
  ERROR_OPERATION_ABORTED: 'the connection timer ran out',
  ERROR_GRACEFUL_DISCONNECT: 'the client asked to disconnect',
  ERROR_CONNECTION_ABORTED: 'the gateway ended the session',
  E_PROXY_SESSIONTIMEOUT: 'the session time allowed by the gateway is over',
  E_PROXY_REAUTH_AUTHN_FAILED: 'the client did not authenticate again in time',
  E_PROXY_REAUTH_CAP_FAILED: 'the user was not authorised again in time',
  E_PROXY_REAUTH_RAP_FAILED: 'the target was not authorised again in time',
  E_PROXY_SDR_NOT_SUPPORTED_BY_TS: 'the gateway demands a policy exchange that the target does not support',
  E_PROXY_REAUTH_NAP_FAILED: 'the client failed the health check when it authenticated again',
  E_ACCESSDENIED: 'a packet came out of order or is not allowed',
  E_PROXY_INTERNALERROR: 'the gateway failed or could not read the packet',
  E_PROXY_RAP_ACCESSDENIED: "the gateway's policy does not allow this target for this user",
  E_PROXY_NAP_ACCESSDENIED: 'this user may not use the gateway',
  E_PROXY_TS_CONNECTFAILED: 'the gateway could not connect to the target',
  E_PROXY_ALREADYDISCONNECTED: 'the tunnel or channel is already closed',
  E_PROXY_MAXCONNECTIONSREACHED: 'the gateway has as many connections as it allows',
  E_PROXY_NOTSUPPORTED: 'the gateway does not support this packet',
  E_PROXY_CAPABILITYMISMATCH: 'the client lacks a capability that the gateway demands',
  E_PROXY_QUARANTINE_ACCESSDENIED: 'the client failed the health check',
  E_PROXY_NOCERTAVAILABLE: 'the gateway has no certificate for the health check',
  E_PROXY_COOKIE_BADPACKET: 'no access token was sent, or it cannot be read',
  E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED: 'the access token is invalid or has expired',
  E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD: 'the gateway does not offer the way in which the client wants to log on',
  SEC_E_LOGON_DENIED: 'wrong user name or password',
};

const RESULT_NAMES = new Map<number, ResultName>(
  Object.entries(RESULT).map(([name, value]) => [value, name as ResultName]),
);
const HRESULT_WIN32 = 0x80070000;

/** The name and the meaning of a result code. */
export interface ResultMeaning {
  /** The specification's name, or the code in hexadecimal if it has none. */
  readonly name: string;
  /** One clause in English, without a full stop. */
  readonly description: string;
}

/** The HRESULT form of a Win32 code: 0x59DD becomes 0x800759DD. Only the low 16 bits of `code` are used. */
export function hresultOfWin32(code: number): number {
  return (HRESULT_WIN32 | (code & 0xffff)) >>> 0;
}

/** Explains a result code in either form: 0x800759DD and 0x59DD are both E_PROXY_TS_CONNECTFAILED. */
export function explainResult(code: number): ResultMeaning {
  const name = RESULT_NAMES.get(code) ?? RESULT_NAMES.get(otherForm(code));
  if (name === undefined || (code !== 0 && name === 'SUCCESS'))
    return { name: resultHex(code), description: 'an unknown code' };
  return { name, description: DESCRIPTIONS[name] };
}

/**
 * Converts between the low form and the HRESULT form. A code of another facility has only one form and is returned as
 * is.
 */
function otherForm(code: number): number {
  if (code <= 0xffff) return hresultOfWin32(code);
  return hresultOfWin32(code) === code ? code & 0xffff : code;
}

/** The code as eight hexadecimal digits, as Windows dialogs print it: `0x800759DA`. */
export function resultHex(code: number): string {
  return `0x${code.toString(16).toUpperCase().padStart(8, '0')}`;
}

/** The name and the code, for log lines: `E_PROXY_RAP_ACCESSDENIED (0x800759DA)`. */
export function resultLabel(code: number): string {
  return `${explainResult(code).name} (${resultHex(code)})`;
}
