/**
 * Authentication cannot be bypassed: for any bytes of a client in any order, split and time, only `answer({ allow: true
 * })` leads to a tunnel, a connection to a target or delivered bytes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, type Effect, type GatewaySession, PKT_TYPE, RESULT } from '../../src/protocol/index.js';
import { hostileBytes } from '../support/arbitrary.js';
import { gatewaySession } from './gateway.js';
import {
  channelCreate,
  close,
  closeResponse,
  data,
  extendedAuth,
  handshake,
  keepAlive,
  tunnelAuth,
  tunnelCreate,
  tunnelCreateWithoutCookie,
} from './requests.js';
import { pdusOf, VECTORS } from './vectors.js';

/** Regular requests and variations of them, so that many sessions get past the first states. */
const REQUESTS: readonly Buffer[] = [
  handshake(2),
  handshake(0),
  handshake(4),
  handshake(0xffff),
  handshake(2, 9),
  tunnelCreate(),
  tunnelCreate('other'),
  tunnelCreateWithoutCookie(),
  tunnelAuth(),
  channelCreate(),
  channelCreate(['a'], ['b'], 4),
  data('x'),
  keepAlive(),
  close(),
  closeResponse(),
  extendedAuth(),
  extendedAuth(5),
  ...VECTORS.filter(({ direction }) => direction === 'server-to-client')
    .filter(({ packetType }, index, all) => all.findIndex((other) => other.packetType === packetType) === index)
    .map(({ hex }) => Buffer.from(hex, 'hex')),
];

type Action = (session: GatewaySession, now: number) => readonly Effect[];
const named = (name: string, action: Action): Action => Object.assign(action, { toString: () => name });

const receives = fc
  .oneof(
    { weight: 8, arbitrary: fc.constantFrom(...REQUESTS) },
    { weight: 2, arbitrary: fc.constantFrom(handshake(), tunnelCreate(), tunnelAuth(), channelCreate(), data('x')) },
    { weight: 1, arbitrary: hostileBytes },
  )
  .map((bytes) => named(`receive ${bytes.toString('hex')}`, (session, now) => session.receive(bytes, now)));

/** All other method calls except the one that allows the identity. */
const others = fc.oneof(
  fc.constantFrom(
    named('tick', (session, now) => session.tick(now)),
    named('connected', (session, now) => session.connected(now)),
    named('failed', (session) => session.failed(RESULT.E_PROXY_TS_CONNECTFAILED)),
    named('failed with success', (session) => session.failed(RESULT.SUCCESS)),
    named('target ended', (session, now) => session.targetEnded('end', now)),
    named('target reset', (session, now) => session.targetEnded('reset', now)),
    named('close', (session, now) => session.close(RESULT.ERROR_CONNECTION_ABORTED, 'closed by the gateway', now)),
  ),
  fc
    .constantFrom(0, 1, 5, 0x59f8, 0x800759f8, 0x80000000, 0xffffffff)
    .map((code) => named(`deny ${code}`, (session, now) => session.answer({ allow: false, code }, now))),
);

/** Regular opening requests, so that most runs reach the authentication, followed by arbitrary actions. */
const actionLists = fc
  .tuple(
    fc.nat({ max: 2 }),
    fc.array(
      fc.tuple(
        fc.oneof({ weight: 4, arbitrary: receives }, { weight: 1, arbitrary: others }),
        fc.oneof(fc.constant(0), fc.nat({ max: 200_000 })),
      ),
      { maxLength: 16 },
    ),
  )
  .map(([opening, rest]) => {
    const first = [handshake(), tunnelCreate()].slice(0, opening);
    return [...first.map((pdu) => [named('open', (session, now) => session.receive(pdu, now)), 0] as const), ...rest];
  });

describe('a session without an allowed identity', () => {
  it('opens no tunnel for any client, at any time, with any other answer', () => {
    let authenticating = 0;
    fc.assert(
      fc.property(actionLists, (list) => {
        const session = gatewaySession();
        let now = 0;
        for (const [action, delay] of list) {
          now += delay;
          const effects = action(session, now);
          expect(opened(effects)).toEqual([]);
          if (effects.some((effect) => effect.do === 'authenticate')) authenticating++;
          expect(session.open).toBe(false);
          session.wrap(Buffer.from('x'), () => {
            throw new Error('DATA without a channel');
          });
        }
      }),
      { numRuns: 2000 },
    );
    // The property must not hold only because no session reaches the authentication.
    expect(authenticating).toBeGreaterThan(400);
  });

  it('opens no tunnel for any order of the fifteen packets, with a denied or a pending identity', () => {
    let reached = 0;
    const walk = (path: readonly Buffer[]): void => {
      for (const answer of ['none', 'deny'] as const) {
        const session = gatewaySession();
        const effects: Effect[] = [];
        for (const pdu of path) {
          effects.push(...session.receive(pdu, 0));
          if (answer === 'deny') effects.push(...session.answer({ allow: false, code: RESULT.SUCCESS }, 0));
        }
        expect(opened(effects)).toEqual([]);
        reached++;
        if (answer === 'none' && !session.ended && path.length < 4) for (const pdu of REQUESTS) walk([...path, pdu]);
      }
    };
    walk([]);
    expect(reached).toBeGreaterThan(1000);
  });

  it('opens no tunnel for a client that ignores the refusal and continues', () => {
    const session = gatewaySession();
    const [first, create, ...rest] = pdusOf('fr2-paa-ws-client') as [Buffer, Buffer, ...Buffer[]];
    session.receive(first, 0);
    session.receive(create, 0);
    session.answer({ allow: false, code: RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED }, 0);
    for (const pdu of rest) expect(session.receive(pdu, 0)).toEqual([]);
    expect(session.answer({ allow: true }, 0)).toEqual([]);
    expect(session.connected(0)).toEqual([]);
    expect(session.tick(1e9)).toEqual([]);
  });

  it('opens the tunnel when the identity is allowed, and delivers bytes when the target is connected', () => {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate(), tunnelAuth(), channelCreate(), data('x')]), 0);
    expect(opened(session.answer({ allow: true }, 0))).toEqual(['tunnel', 'connect']);
    expect(opened(session.connected(0))).toEqual(['deliver']);
  });
});

/** The effects that require an allowed identity. */
function opened(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.do === 'connect' || effect.do === 'deliver') return [effect.do];
    if (effect.do !== 'send') return [];
    const { type, fields } = decode(effect.pdu);
    return type === PKT_TYPE.TUNNEL_RESPONSE && fields.statusCode === RESULT.SUCCESS ? ['tunnel'] : [];
  });
}
