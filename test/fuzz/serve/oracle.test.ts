/** Checks that the oracle detects violations. */
import { describe, expect, it } from 'vitest';
import {
  CHANNEL_RESPONSE,
  CLOSE_CHANNEL_RESPONSE,
  DATA,
  type Effect,
  KEEPALIVE,
  RESULT,
  TUNNEL_RESPONSE,
} from '../../../src/protocol/index.js';
import { type Stage, sessionAt } from '../../protocol/stages.js';
import { SessionOracle } from './oracle.js';
import type { Step } from './script.js';

const send = (pdu: Buffer): Effect => ({ do: 'send', pdu });
const tunnel = (statusCode = 0): Effect => send(TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode }));
const channel = send(CHANNEL_RESPONSE.encode({ errorCode: 0, channelId: 1 }));
const authenticate: Effect = { do: 'authenticate', token: 'T' };
const connect: Effect = { do: 'connect', names: ['a'], port: 1 };
const deliver: Effect = { do: 'deliver', bytes: Buffer.from('x') };
const end: Effect = { do: 'end', cause: 'refused' };

type Turn = readonly [action: Step['action'], stage: Stage, ...effects: Effect[]];
const AUTHENTICATING: Turn = ['receive', 'identity pending', authenticate];
const ALLOWED: Turn = ['allow', 'tunnel created', tunnel()];
const CONNECTING: Turn = ['receive', 'target pending', connect];

describe('SessionOracle', () => {
  it.each<readonly [message: string, turns: readonly Turn[]]>([
    ['a tunnel without an identity', [['receive', 'tunnel created', tunnel()]]],
    ['a tunnel without an identity', [['allow', 'tunnel created', tunnel()]]],
    ['a tunnel without an identity', [AUTHENTICATING, ['receive', 'tunnel created', tunnel()]]],
    ['a tunnel without an identity', [AUTHENTICATING, ['deny', 'tunnel created', tunnel()]]],
    ['the session continues after "deny"', [AUTHENTICATING, ['deny', 'tunnel created']]],
    ['a refusal has a success code', [AUTHENTICATING, ['deny', 'tunnel created', tunnel(5)]]],
    ['a refused session continues', [AUTHENTICATING, ['deny', 'tunnel created', tunnel(RESULT.E_PROXY_INTERNALERROR)]]],
    ['connect after a refusal', [AUTHENTICATING, ['deny', 'open', tunnel(RESULT.E_PROXY_INTERNALERROR), connect, end]]],
    ['a target is requested without an identity', [['receive', 'target pending', connect]]],
    ['a target is requested without an identity', [AUTHENTICATING, ['receive', 'target pending', connect]]],
    ['a second target is requested', [AUTHENTICATING, ALLOWED, CONNECTING, ['receive', 'target pending', connect]]],
    ['a channel without a target', [AUTHENTICATING, ALLOWED, ['connected', 'channel', channel]]],
    ['a channel without a target', [AUTHENTICATING, ALLOWED, CONNECTING, ['receive', 'channel', channel]]],
    [
      'bytes are delivered without a channel',
      [AUTHENTICATING, ALLOWED, CONNECTING, ['receive', 'target pending', deliver]],
    ],
    ['paused differs from the pending answer', [['receive', 'identity pending']]],
    ['ended or open differs from the effects', [['receive', 'channel']]],
    ['deliver after the end', [['receive', 'open', end, deliver]]],
    ['disconnect without a target', [['receive', 'open', { do: 'disconnect' }]]],
    ['KEEPALIVE without a channel or a tick', [['tick', 'open', send(KEEPALIVE.encode({}))]]],
    ['the timer is in the past', [['tick', 'open', { do: 'timer', at: 5 }]]],
    ['a timer is set after the end', [['receive', 'open', { do: 'timer', at: 500 }, end]]],
    [
      'CLOSE_CHANNEL_RESPONSE before disconnect',
      [
        AUTHENTICATING,
        ALLOWED,
        CONNECTING,
        ['connected', 'channel', channel],
        ['receive', 'channel', send(CLOSE_CHANNEL_RESPONSE.encode({ statusCode: 0 }))],
      ],
    ],
    ['does not send packets', [['receive', 'open', send(DATA.encode({ data: Buffer.from('x') }))]]],
  ])('reports: %s', (message, turns) => {
    const oracle = new SessionOracle();
    const play = ([action, stage, ...effects]: Turn): void => oracle.check(action, effects, sessionAt(stage), 5);
    turns.slice(0, -1).forEach(play);
    expect(() => turns.slice(-1).forEach(play)).toThrow(message);
  });
});
