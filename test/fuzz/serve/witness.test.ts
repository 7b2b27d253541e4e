/** A witness that lets everything pass would never fail either. */
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
import type { Step } from './script.js';
import { Witness } from './witness.js';

const send = (pdu: Buffer): Effect => ({ do: 'send', pdu });
const tunnel = (statusCode = 0): Effect => send(TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode }));
const channel = send(CHANNEL_RESPONSE.encode({ errorCode: 0, channelId: 1 }));
const authenticate: Effect = { do: 'authenticate', token: 'T' };
const connect: Effect = { do: 'connect', names: ['a'], port: 1 };
const deliver: Effect = { do: 'deliver', bytes: Buffer.from('x') };
const end: Effect = { do: 'end', cause: 'refused' };

type Turn = readonly [what: Step['what'], stage: Stage, ...effects: Effect[]];
const ASKED: Turn = ['receive', 'identity asked', authenticate];
const ALLOWED: Turn = ['allow', 'tunnel created', tunnel()];
const DIALLED: Turn = ['receive', 'target asked', connect];

describe('Witness', () => {
  it.each<readonly [why: string, turns: readonly Turn[]]>([
    ['a tunnel for nobody', [['receive', 'tunnel created', tunnel()]]],
    ['a tunnel for nobody', [['allow', 'tunnel created', tunnel()]]],
    ['a tunnel for nobody', [ASKED, ['receive', 'tunnel created', tunnel()]]],
    ['a tunnel for nobody', [ASKED, ['deny', 'tunnel created', tunnel()]]],
    ['the session goes on after "deny"', [ASKED, ['deny', 'tunnel created']]],
    ['a refusal looks like success', [ASKED, ['deny', 'tunnel created', tunnel(5)]]],
    ['a refused session goes on', [ASKED, ['deny', 'tunnel created', tunnel(RESULT.E_PROXY_INTERNALERROR)]]],
    ['connect behind a refusal', [ASKED, ['deny', 'open', tunnel(RESULT.E_PROXY_INTERNALERROR), connect, end]]],
    ['a target is dialled for nobody', [['receive', 'target asked', connect]]],
    ['a target is dialled for nobody', [ASKED, ['receive', 'target asked', connect]]],
    ['a second target is dialled', [ASKED, ALLOWED, DIALLED, ['receive', 'target asked', connect]]],
    ['a channel to nowhere', [ASKED, ALLOWED, ['connected', 'channel', channel]]],
    ['a channel to nowhere', [ASKED, ALLOWED, DIALLED, ['receive', 'channel', channel]]],
    ['bytes are delivered outside', [ASKED, ALLOWED, DIALLED, ['receive', 'target asked', deliver]]],
    ['waits for nobody', [['receive', 'identity asked']]],
    ['says something else', [['receive', 'channel']]],
    ['deliver behind the end', [['receive', 'open', end, deliver]]],
    ['a target is given up that is not there', [['receive', 'open', { do: 'disconnect' }]]],
    ['a keep-alive nobody needs', [['tick', 'open', send(KEEPALIVE.encode({}))]]],
    ['set again for the past', [['tick', 'open', { do: 'timer', at: 5 }]]],
    ['a timer runs on', [['receive', 'open', { do: 'timer', at: 500 }, end]]],
    [
      'a close is confirmed before',
      [
        ASKED,
        ALLOWED,
        DIALLED,
        ['connected', 'channel', channel],
        ['receive', 'channel', send(CLOSE_CHANNEL_RESPONSE.encode({ statusCode: 0 }))],
      ],
    ],
    ['does not send packets', [['receive', 'open', send(DATA.encode({ data: Buffer.from('x') }))]]],
  ])('sees %s', (why, turns) => {
    const witness = new Witness();
    const play = ([what, stage, ...effects]: Turn): void => witness.watch(what, effects, sessionAt(stage), 5);
    turns.slice(0, -1).forEach(play);
    expect(() => turns.slice(-1).forEach(play)).toThrow(why);
  });
});
