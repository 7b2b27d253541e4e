/**
 * The tables of all PDUs of MS-TSGU section 2.2.10, in the order of the specification. This is the only place that
 * defines field offsets and widths of the protocol.
 */

import { decodeWith, dissectWith, type Pdu, pdu } from './codec.js';
import {
  CHANNEL_RESPONSE_FIELD,
  explainResult,
  HTTP_CAPABILITY_TYPE,
  HTTP_EXTENDED_AUTH,
  type PacketType,
  PKT_TYPE,
  REDIR,
  TUNNEL_AUTH_FIELD,
  TUNNEL_AUTH_RESPONSE_FIELD,
  TUNNEL_FIELD,
  TUNNEL_RESPONSE_FIELD,
} from './codes.js';
import type { Span } from './cursor.js';
import {
  blob,
  bytes,
  code,
  count,
  type Decoded,
  flags,
  list,
  optional,
  presence,
  type Rows,
  reserved16,
  u8,
  u16,
  u32,
  u64,
  ustring,
} from './field-kinds.js';

const result = code(4, (value) => {
  const { name, description } = explainResult(value);
  return `${name}: ${description}`;
});
const extendedAuth = flags(2, HTTP_EXTENDED_AUTH);
const capsFlags = flags(4, HTTP_CAPABILITY_TYPE);

/** Largest client name in TUNNEL_AUTH in bytes. The buffer of Windows holds 513 bytes (2.2.10.14, note 56). */
export const MAX_CLIENT_NAME_BYTES = 513;
/** Largest number of resource names in CHANNEL_CREATE (2.2.10.2). */
export const MAX_RESOURCES = 50;
/** Largest number of alternate resource names in CHANNEL_CREATE (2.2.10.2). */
export const MAX_ALT_RESOURCES = 3;

/**
 * HTTP_CHANNEL_PACKET with its variable part, 2.2.10.2 and 2.2.10.3: the client asks for a connection to one of the
 * targets.
 */
export const CHANNEL_CREATE = pdu(PKT_TYPE.CHANNEL_CREATE, 'HTTP_CHANNEL_PACKET', '2.2.10.2', {
  numResources: count(1, 'resources'),
  numAltResources: count(1, 'altResources'),
  port: u16,
  protocol: u16,
  resources: list('numResources', ustring(), { min: 1, max: MAX_RESOURCES }),
  altResources: list('numAltResources', ustring(), { min: 0, max: MAX_ALT_RESOURCES }),
});

/**
 * HTTP_CHANNEL_RESPONSE with its optional part, 2.2.10.4 and 2.2.10.5. `udpPort` precedes `authnCookie`, unlike their
 * bits.
 */
export const CHANNEL_RESPONSE = pdu(PKT_TYPE.CHANNEL_RESPONSE, 'HTTP_CHANNEL_RESPONSE', '2.2.10.4', {
  errorCode: result,
  fieldsPresent: presence(CHANNEL_RESPONSE_FIELD),
  reserved: reserved16,
  channelId: optional(CHANNEL_RESPONSE_FIELD.CHANNELID, u32),
  udpPort: optional(CHANNEL_RESPONSE_FIELD.UDPPORT, u16),
  authnCookie: optional(CHANNEL_RESPONSE_FIELD.AUTHNCOOKIE, blob()),
});

/** HTTP_DATA_PACKET, 2.2.10.6: bytes of the RDP connection. */
export const DATA = pdu(PKT_TYPE.DATA, 'HTTP_DATA_PACKET', '2.2.10.6', { data: blob({ length: 'cbDataLen' }) });

/** HTTP_EXTENDED_AUTH_PACKET, 2.2.10.7: one message of an authentication inside the tunnel. */
export const EXTENDED_AUTH_MSG = pdu(PKT_TYPE.EXTENDED_AUTH_MSG, 'HTTP_EXTENDED_AUTH_PACKET', '2.2.10.7', {
  errorCode: result,
  authBlob: blob({ length: 'cbBlobLen' }),
});

/**
 * HTTP_KEEPALIVE_PACKET, 2.2.10.8. It must not be answered, because FreeRDP echoes every KEEPALIVE that it receives.
 */
export const KEEPALIVE = pdu(PKT_TYPE.KEEPALIVE, 'HTTP_KEEPALIVE_PACKET', '2.2.10.8', {});

/** HTTP_HANDSHAKE_REQUEST_PACKET, 2.2.10.10. */
export const HANDSHAKE_REQUEST = pdu(PKT_TYPE.HANDSHAKE_REQUEST, 'HTTP_HANDSHAKE_REQUEST_PACKET', '2.2.10.10', {
  verMajor: u8,
  verMinor: u8,
  clientVersion: u16,
  extendedAuth,
});

/**
 * HTTP_HANDSHAKE_RESPONSE_PACKET, 2.2.10.11; `extendedAuth` is what the gateway supports, not an echo of the request.
 */
export const HANDSHAKE_RESPONSE = pdu(PKT_TYPE.HANDSHAKE_RESPONSE, 'HTTP_HANDSHAKE_RESPONSE_PACKET', '2.2.10.11', {
  errorCode: result,
  verMajor: u8,
  verMinor: u8,
  serverVersion: u16,
  extendedAuth,
});

/** HTTP_REAUTH_MESSAGE, 2.2.10.12: the gateway asks the client to authenticate again. */
export const REAUTH_MESSAGE = pdu(PKT_TYPE.REAUTH_MESSAGE, 'HTTP_REAUTH_MESSAGE', '2.2.10.12', {
  reauthTunnelContext: u64,
});

/** HTTP_SERVICE_MESSAGE, 2.2.10.13: a text that the client shows to the user. */
export const SERVICE_MESSAGE = pdu(PKT_TYPE.SERVICE_MESSAGE, 'HTTP_SERVICE_MESSAGE', '2.2.10.13', {
  message: ustring({ length: 'cbMessageLen' }),
});

/** HTTP_TUNNEL_AUTH_PACKET with its optional part, 2.2.10.14 and 2.2.10.15. */
export const TUNNEL_AUTH = pdu(PKT_TYPE.TUNNEL_AUTH, 'HTTP_TUNNEL_AUTH_PACKET', '2.2.10.14', {
  fieldsPresent: presence(TUNNEL_AUTH_FIELD),
  clientName: ustring({ length: 'cbClientName', max: MAX_CLIENT_NAME_BYTES }),
  statementOfHealth: optional(TUNNEL_AUTH_FIELD.SOH, blob()),
});

/**
 * HTTP_TUNNEL_AUTH_RESPONSE with its optional part, 2.2.10.16 and 2.2.10.17; `idleTimeout` is in minutes, 0 means none.
 */
export const TUNNEL_AUTH_RESPONSE = pdu(PKT_TYPE.TUNNEL_AUTH_RESPONSE, 'HTTP_TUNNEL_AUTH_RESPONSE', '2.2.10.16', {
  errorCode: result,
  fieldsPresent: presence(TUNNEL_AUTH_RESPONSE_FIELD),
  reserved: reserved16,
  redirFlags: optional(TUNNEL_AUTH_RESPONSE_FIELD.REDIR_FLAGS, flags(4, REDIR)),
  idleTimeout: optional(TUNNEL_AUTH_RESPONSE_FIELD.IDLE_TIMEOUT, u32),
  sohResponse: optional(TUNNEL_AUTH_RESPONSE_FIELD.SOH_RESPONSE, blob()),
});

/** HTTP_TUNNEL_PACKET with its optional part, 2.2.10.18 and 2.2.10.19; for `paaCookie` see `encodePaaCookie`. */
export const TUNNEL_CREATE = pdu(PKT_TYPE.TUNNEL_CREATE, 'HTTP_TUNNEL_PACKET', '2.2.10.18', {
  capsFlags,
  fieldsPresent: presence(TUNNEL_FIELD),
  reserved: reserved16,
  reauthTunnelContext: optional(TUNNEL_FIELD.REAUTH, u64),
  paaCookie: optional(TUNNEL_FIELD.PAA_COOKIE, blob()),
});

/** HTTP_TUNNEL_RESPONSE with its optional part, 2.2.10.20 and 2.2.10.21. */
export const TUNNEL_RESPONSE = pdu(PKT_TYPE.TUNNEL_RESPONSE, 'HTTP_TUNNEL_RESPONSE', '2.2.10.20', {
  serverVersion: u16,
  statusCode: result,
  fieldsPresent: presence(TUNNEL_RESPONSE_FIELD),
  reserved: reserved16,
  tunnelId: optional(TUNNEL_RESPONSE_FIELD.TUNNEL_ID, u32),
  capsFlags: optional(TUNNEL_RESPONSE_FIELD.CAPS, capsFlags),
  nonce: optional(TUNNEL_RESPONSE_FIELD.SOH_REQ, bytes(16)),
  serverCert: optional(TUNNEL_RESPONSE_FIELD.SOH_REQ, ustring()),
  consentMsg: optional(TUNNEL_RESPONSE_FIELD.CONSENT_MSG, ustring()),
});

/** HTTP_CLOSE_PACKET, 2.2.10.23, as the request to close the channel. */
export const CLOSE_CHANNEL = pdu(PKT_TYPE.CLOSE_CHANNEL, 'HTTP_CLOSE_PACKET', '2.2.10.23', { statusCode: result });
/** HTTP_CLOSE_PACKET, 2.2.10.23, as the response to CLOSE_CHANNEL. */
export const CLOSE_CHANNEL_RESPONSE = pdu(PKT_TYPE.CLOSE_CHANNEL_RESPONSE, 'HTTP_CLOSE_PACKET', '2.2.10.23', {
  statusCode: result,
});

/** The tables of all fifteen packet types, by name. */
export const PACKETS = {
  HANDSHAKE_REQUEST,
  HANDSHAKE_RESPONSE,
  EXTENDED_AUTH_MSG,
  TUNNEL_CREATE,
  TUNNEL_RESPONSE,
  TUNNEL_AUTH,
  TUNNEL_AUTH_RESPONSE,
  CHANNEL_CREATE,
  CHANNEL_RESPONSE,
  DATA,
  SERVICE_MESSAGE,
  REAUTH_MESSAGE,
  KEEPALIVE,
  CLOSE_CHANNEL,
  CLOSE_CHANNEL_RESPONSE,
} as const;

const BY_TYPE = new Map<number, Pdu<PacketType, Rows>>(
  Object.values(PACKETS).map((packet) => [packet.type, packet as Pdu<PacketType, Rows>]),
);

/** Returns the table of a packet type, or undefined if the specification does not define the type. */
export function packetOf(type: number): Pdu<PacketType, Rows> | undefined {
  return BY_TYPE.get(type);
}

/**
 * Decodes exactly one PDU. Throws a `PduError` for a truncated field, an invalid count, length or text, an unknown
 * packet type, or a `packetLength` that differs from the length of `bytes`. Ignores reserved bits, unknown values and
 * trailing bytes. Buffers in the result are views of `bytes`.
 */
export function decode(bytes: Buffer): Packet {
  return decodeWith(packetOf, bytes) as Packet;
}

/**
 * Returns the tree of named fields of one PDU for any input. The leaves tile the input exactly; bytes that cannot be
 * read become a leaf with the unread bytes and the error. Never throws.
 */
export function dissect(bytes: Buffer): Span {
  return dissectWith(packetOf, bytes);
}

type PacketTable = (typeof PACKETS)[keyof typeof PACKETS];
/** A decoded PDU: a union discriminated by `type`. */
export type Packet = {
  [K in PacketTable as K['type']]: {
    readonly type: K['type'];
    readonly fields: K extends Pdu<PacketType, infer R> ? Decoded<R> : never;
  };
}[PacketType];

/** The decoded fields of one packet type: `PacketFields<'TUNNEL_CREATE'>`. */
export type PacketFields<N extends keyof typeof PACKETS> = Extract<
  Packet,
  { readonly type: (typeof PACKETS)[N]['type'] }
>['fields'];
