/** Gateway sessions brought to a point of the connection, and what got them there. */
import type { GatewaySession, SessionOptions } from '../../src/protocol/index.js';
import { gatewaySession } from './gateway.js';
import { channelCreate, handshake, tunnelAuth, tunnelCreate } from './requests.js';

export const STAGES = [
  'start',
  'open',
  'identity asked',
  'tunnel created',
  'authorized',
  'target asked',
  'channel',
] as const;
export type Stage = (typeof STAGES)[number];

/** A session that went as far as `stage`, everything at the time `now`. */
export function sessionAt(stage: Stage, options: Partial<SessionOptions> = {}, now = 0): GatewaySession {
  const session = gatewaySession({ now, ...options });
  const steps: Record<Stage, () => unknown> = {
    start: () => session.start(),
    open: () => session.receive(handshake(), now),
    'identity asked': () => session.receive(tunnelCreate(), now),
    'tunnel created': () => session.answer({ allow: true }, now),
    authorized: () => session.receive(tunnelAuth(), now),
    'target asked': () => session.receive(channelCreate(), now),
    channel: () => session.connected(now),
  };
  for (const step of STAGES.slice(0, STAGES.indexOf(stage) + 1)) steps[step]();
  return session;
}
