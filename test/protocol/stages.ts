/** Gateway sessions at each stage of the connection. */
import type { GatewaySession, SessionOptions } from '../../src/protocol/index.js';
import { gatewaySession } from './gateway.js';
import { channelCreate, handshake, tunnelAuth, tunnelCreate } from './requests.js';

export const STAGES = [
  'start',
  'open',
  'identity pending',
  'tunnel created',
  'authorized',
  'target pending',
  'channel',
] as const;
export type Stage = (typeof STAGES)[number];

/** A session that has reached `stage`, with all events at the time `now`. */
export function sessionAt(stage: Stage, options: Partial<SessionOptions> = {}, now = 0): GatewaySession {
  const session = gatewaySession({ now, ...options });
  const steps: Record<Stage, () => unknown> = {
    start: () => session.start(),
    open: () => session.receive(handshake(), now),
    'identity pending': () => session.receive(tunnelCreate(), now),
    'tunnel created': () => session.answer({ allow: true }, now),
    authorized: () => session.receive(tunnelAuth(), now),
    'target pending': () => session.receive(channelCreate(), now),
    channel: () => session.connected(now),
  };
  for (const step of STAGES.slice(0, STAGES.indexOf(stage) + 1)) steps[step]();
  return session;
}
