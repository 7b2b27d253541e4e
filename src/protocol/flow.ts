/**
 * The state machine that defines which side may send which PDU when (MS-TSGU 3.3.5 and 3.7.5). It is the same for the
 * gateway, the client and an observer of both: each calls `step` with every PDU of both sides, in the order of
 * transmission.
 */
import { PKT_TYPE, RESULT } from './codes.js';
import type { Packet } from './packets.js';

/** The sender of a PDU. */
export type Side = 'client' | 'gateway';

/** A state of the connection. */
export type FlowState =
  /** The transport is connected; no PDU has been sent. */
  | 'start'
  /** HANDSHAKE_RESPONSE is pending. */
  | 'handshake'
  /** The handshake is complete; the client authenticates inside the tunnel or sends TUNNEL_CREATE. */
  | 'open'
  /** The gateway's EXTENDED_AUTH_MSG is pending. */
  | 'extended-auth'
  /** TUNNEL_RESPONSE is pending. */
  | 'tunnel-requested'
  /** The tunnel is created; the client has to send TUNNEL_AUTH. */
  | 'tunnel-created'
  /** TUNNEL_AUTH_RESPONSE is pending. */
  | 'authorization-requested'
  /** The tunnel is authorized and has no channel. */
  | 'authorized'
  /** CHANNEL_RESPONSE is pending. */
  | 'channel-requested'
  /** The channel is open; both sides send DATA. */
  | 'channel'
  /** The client sent CLOSE_CHANNEL; DATA of the gateway may still arrive before its CLOSE_CHANNEL_RESPONSE. */
  | 'closing-by-client'
  /** The gateway sent CLOSE_CHANNEL; DATA of the client may still arrive before its CLOSE_CHANNEL_RESPONSE. */
  | 'closing-by-gateway'
  /** A refusal was sent; no further PDU is valid (2.2.6). */
  | 'refused';

/** The next state, or two next states if the result code of the PDU decides. */
type Next = FlowState | { readonly success: FlowState; readonly failure: FlowState };
type Transitions = Readonly<Partial<Record<number, Next>>>;

const orRefused = (success: FlowState): Next => ({ success, failure: 'refused' });
const T = PKT_TYPE;

const TABLE: Readonly<Record<FlowState, Readonly<Record<Side, Transitions>>>> = {
  start: { client: { [T.HANDSHAKE_REQUEST]: 'handshake' }, gateway: {} },
  handshake: { client: {}, gateway: { [T.HANDSHAKE_RESPONSE]: orRefused('open') } },
  open: {
    client: { [T.EXTENDED_AUTH_MSG]: orRefused('extended-auth'), [T.TUNNEL_CREATE]: 'tunnel-requested' },
    gateway: {},
  },
  'extended-auth': { client: {}, gateway: { [T.EXTENDED_AUTH_MSG]: orRefused('open') } },
  'tunnel-requested': { client: {}, gateway: { [T.TUNNEL_RESPONSE]: orRefused('tunnel-created') } },
  'tunnel-created': { client: { [T.TUNNEL_AUTH]: 'authorization-requested' }, gateway: {} },
  'authorization-requested': { client: {}, gateway: { [T.TUNNEL_AUTH_RESPONSE]: orRefused('authorized') } },
  authorized: {
    // If both sides closed at the same time, the client's CLOSE_CHANNEL_RESPONSE can arrive after the channel is
    // closed.
    client: { [T.CHANNEL_CREATE]: 'channel-requested', [T.CLOSE_CHANNEL_RESPONSE]: 'authorized' },
    gateway: { [T.SERVICE_MESSAGE]: 'authorized', [T.REAUTH_MESSAGE]: 'authorized' },
  },
  'channel-requested': { client: {}, gateway: { [T.CHANNEL_RESPONSE]: orRefused('channel') } },
  channel: {
    client: { [T.DATA]: 'channel', [T.CLOSE_CHANNEL]: 'closing-by-client' },
    gateway: {
      [T.DATA]: 'channel',
      [T.SERVICE_MESSAGE]: 'channel',
      [T.REAUTH_MESSAGE]: 'channel',
      [T.CLOSE_CHANNEL]: 'closing-by-gateway',
    },
  },
  'closing-by-client': {
    client: { [T.CLOSE_CHANNEL_RESPONSE]: 'closing-by-client' },
    gateway: {
      [T.DATA]: 'closing-by-client',
      [T.SERVICE_MESSAGE]: 'closing-by-client',
      [T.CLOSE_CHANNEL]: 'closing-by-client',
      [T.CLOSE_CHANNEL_RESPONSE]: 'authorized',
    },
  },
  'closing-by-gateway': {
    client: {
      [T.DATA]: 'closing-by-gateway',
      [T.CLOSE_CHANNEL]: 'closing-by-client',
      [T.CLOSE_CHANNEL_RESPONSE]: 'authorized',
    },
    gateway: {},
  },
  refused: { client: {}, gateway: {} },
};

/**
 * Returns the state after `side` sends `packet`, or undefined if `packet` is not allowed in `state`. KEEPALIVE is
 * allowed in every state but `refused` and does not change the state (3.3.5.1; before the channel is open it is only
 * tolerated).
 */
export function step(state: FlowState, side: Side, packet: Packet): FlowState | undefined {
  if (packet.type === T.KEEPALIVE) return state === 'refused' ? undefined : state;
  const next = TABLE[state][side][packet.type];
  if (next === undefined || typeof next === 'string') return next;
  return resultOf(packet) === RESULT.SUCCESS ? next.success : next.failure;
}

/** Returns the result code of a PDU (`errorCode` or `statusCode`), 0 if its type has none. */
export function resultOf(packet: Packet): number {
  if ('errorCode' in packet.fields) return packet.fields.errorCode;
  if ('statusCode' in packet.fields) return packet.fields.statusCode;
  return RESULT.SUCCESS;
}
