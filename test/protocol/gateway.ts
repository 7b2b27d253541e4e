/** A gateway session for tests, and its effects formatted as one line each. */
import {
  decode,
  type Effect,
  GatewaySession,
  type Packet,
  packetName,
  resultHex,
  resultOf,
  type SessionOptions,
} from '../../src/protocol/index.js';

/** The `identity` timeout is the longest, so that it does not affect tests of the other timeouts. */
export const TIMEOUTS = { identity: 150_000, setup: 120_000, keepAlive: 30_000, close: 5_000 };

/** A session at time 0 with the tunnel id 6 and channel ids starting at 1. */
export function gatewaySession(options: Partial<SessionOptions> = {}): GatewaySession {
  let channelId = 0;
  return new GatewaySession({ timeouts: TIMEOUTS, tunnelId: 6, nextChannelId: () => ++channelId, now: 0, ...options });
}

/** Formats effects: `send TUNNEL_RESPONSE 0x00000000`, `connect a b : 3389`, `timer 120000`. */
export function shown(effects: readonly Effect[]): string[] {
  return effects.map(line);
}

/** As `shown`, without `timer` effects. */
export function actions(effects: readonly Effect[]): string[] {
  return shown(effects.filter((effect) => effect.do !== 'timer'));
}

/** Formats a PDU: `CHANNEL_RESPONSE 0x800759DD`, `KEEPALIVE`, `DATA 6869`. */
export function packetLine(packet: Packet): string {
  const name = packetName(packet.type).replace('PKT_TYPE_', '');
  if ('data' in packet.fields) return `${name} ${packet.fields.data.toString('hex')}`;
  const carriesResult = 'errorCode' in packet.fields || 'statusCode' in packet.fields;
  return carriesResult ? `${name} ${resultHex(resultOf(packet))}` : name;
}

/** The PDUs of the `send` effects. */
export function sent(effects: readonly Effect[]): Buffer[] {
  return effects.flatMap((effect) => (effect.do === 'send' ? [effect.pdu] : []));
}

function line(effect: Effect): string {
  switch (effect.do) {
    case 'send':
      return `send ${packetLine(decode(effect.pdu))}`;
    case 'authenticate':
      return `authenticate ${effect.token}`;
    case 'connect':
      return `connect ${effect.names.join(' ')} : ${effect.port}`;
    case 'deliver':
      return `deliver ${effect.bytes.toString('hex')}`;
    case 'disconnect':
      return 'disconnect';
    case 'timer':
      return `timer ${effect.at}`;
    case 'end':
      return `end ${effect.cause}${effect.code === undefined ? '' : ` ${resultHex(effect.code)}`}`;
  }
}
