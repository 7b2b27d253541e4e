/**
 * Which side may send which PDU, and when: one table for the gateway, the client and whoever watches both (MS-TSGU 3.3.5 and
 * 3.7.5). It knows no role; each user of it steps it with every PDU in the order of the wire.
 */
import { PKT_TYPE, RESULT } from './codes.js';
import type { Packet } from './packets.js';

export type Side = 'client' | 'gateway';

export type FlowState =
  /** The transport is there, nothing was said. */
  | 'start'
  | 'handshake'
  /** The handshake is done; the client authenticates in band or creates the tunnel. */
  | 'open'
  | 'extended-auth'
  | 'tunnel-requested'
  | 'tunnel-created'
  | 'authorization-requested'
  /** The tunnel is up without a channel. */
  | 'authorized'
  | 'channel-requested'
  | 'channel'
  /** The client closes the channel; the gateway's DATA may still be under way. */
  | 'closing-by-client'
  | 'closing-by-gateway'
  /** A refusal was sent; nothing more is valid (2.2.6). */
  | 'refused';

/** Where a PDU leads: one state, or two where its result code decides. */
type Next = FlowState | { readonly success: FlowState; readonly failure: FlowState };
type Moves = Readonly<Partial<Record<number, Next>>>;

const orRefused = (success: FlowState): Next => ({ success, failure: 'refused' });
const T = PKT_TYPE;

const TABLE: Readonly<Record<FlowState, Readonly<Record<Side, Moves>>>> = {
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
    // A CLOSE_CHANNEL_RESPONSE comes late where both sides closed at the same time.
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
 * The state after `side` sent `packet`, undefined when it may not send that now. KEEPALIVE is valid at any time and changes
 * nothing (3.3.5.1, tolerated early).
 */
export function step(state: FlowState, side: Side, packet: Packet): FlowState | undefined {
  if (packet.type === T.KEEPALIVE) return state === 'refused' ? undefined : state;
  const next = TABLE[state][side][packet.type];
  if (next === undefined || typeof next === 'string') return next;
  return resultOf(packet) === RESULT.SUCCESS ? next.success : next.failure;
}

/** The result code a PDU carries, 0 for one without. */
export function resultOf(packet: Packet): number {
  if ('errorCode' in packet.fields) return packet.fields.errorCode;
  if ('statusCode' in packet.fields) return packet.fields.statusCode;
  return RESULT.SUCCESS;
}
