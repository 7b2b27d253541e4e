/**
 * Refusals: the pending response with a code that every client treats as a failure, followed by the end of the session.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, type Effect, type GatewaySession, PKT_TYPE, RESULT, resultOf } from '../../src/protocol/index.js';
import { withHeader } from '../support/arbitrary.js';
import { actions, gatewaySession, sent, shown } from './gateway.js';
import {
  channelCreate,
  closeResponse,
  data,
  extendedAuth,
  handshake,
  keepAlive,
  tunnelAuth,
  tunnelCreate,
  tunnelCreateWithoutCookie,
} from './requests.js';
import { STAGES, type Stage, sessionAt } from './stages.js';
import { vector } from './vectors.js';

/** Description, stage, the client's request, the response that refuses it, and the detail for the log. */
const REFUSALS: readonly (readonly [string, Stage, Buffer, string, RegExp])[] = [
  [
    'a later version',
    'start',
    handshake(2, 2),
    'HANDSHAKE_RESPONSE 0x800759E8',
    /^the client speaks version 2\.0, this gateway 1\.0$/,
  ],
  ['SSPI_NTLM alone', 'start', handshake(4), 'HANDSHAKE_RESPONSE 0x800759F9', /^the client wants .* \(SSPI_NTLM\)$/],
  [
    'a truncated handshake',
    'start',
    withHeader(1, Buffer.from([1, 0])),
    'HANDSHAKE_RESPONSE 0x800759D8',
    /^PKT_TYPE_HANDSHAKE_REQUEST is malformed \(.* at byte \d+: .*\)$/,
  ],
  [
    'EXTENDED_AUTH_MSG',
    'open',
    extendedAuth(),
    'EXTENDED_AUTH_MSG 0x800759F9',
    /^the client wants .* \(EXTENDED_AUTH_MSG\)$/,
  ],
  [
    'no cookie in PAA mode',
    'open',
    tunnelCreateWithoutCookie(),
    'TUNNEL_RESPONSE 0x800759F7',
    /^the client sent no access token$/,
  ],
  ['an empty cookie', 'open', tunnelCreate(''), 'TUNNEL_RESPONSE 0x800759F7', /^the access token is empty or no text$/],
  [
    'a cookie of odd length',
    'open',
    Buffer.from('04000000150000000d000000010000000300410042', 'hex'),
    'TUNNEL_RESPONSE 0x800759F7',
    /^the access token is empty or no text$/,
  ],
  [
    'a truncated cookie',
    'open',
    Buffer.from('04000000140000000d0000000100000010004100', 'hex'),
    'TUNNEL_RESPONSE 0x800759F7',
    /^PKT_TYPE_TUNNEL_CREATE is malformed \(/,
  ],
  [
    'a truncated context',
    'open',
    Buffer.from('04000000140000000d0000000200000001020304', 'hex'),
    'TUNNEL_RESPONSE 0x800759F7',
    /^PKT_TYPE_TUNNEL_CREATE is malformed \(/,
  ],
  [
    're-authentication',
    'open',
    vector('rdpgwnet-tunnel-create-reauth-cookie'),
    'TUNNEL_RESPONSE 0x800759E8',
    /re-authentication is not offered/,
  ],
  [
    'a name above the limit',
    'tunnel created',
    withHeader(6, Buffer.alloc(1000, 2)),
    'TUNNEL_AUTH_RESPONSE 0x800759D8',
    /^PKT_TYPE_TUNNEL_AUTH is malformed \(/,
  ],
  [
    'another channel protocol',
    'authorized',
    channelCreate(['a'], [], 4),
    'CHANNEL_RESPONSE 0x800759E8',
    /^the client asked for channel protocol 4, RDP is 3$/,
  ],
  [
    'no resource',
    'authorized',
    Buffer.from('080000000e00000000003d0d0300', 'hex'),
    'CHANNEL_RESPONSE 0x800759D8',
    /^PKT_TYPE_CHANNEL_CREATE is malformed \(/,
  ],
];

describe('a refused request', () => {
  it.each(REFUSALS)('%s (%s)', (_, stage, request, response, detail) => {
    const session = sessionAt(stage);
    const effects = session.receive(request, 0);
    expect(effects.at(-1)).toMatchObject({ do: 'end', detail: expect.stringMatching(detail) });
    expect(actions(effects)).toEqual([`send ${response}`, `end refused ${response.split(' ')[1]}`]);
    expectNothingMore(session);
  });

  it('a missing cookie without PAA in the handshake has its own code', () => {
    const session = gatewaySession();
    session.receive(handshake(0), 0);
    expect(actions(session.receive(tunnelCreateWithoutCookie(), 0))).toEqual([
      'send TUNNEL_RESPONSE 0x800759F9',
      'end refused 0x800759F9',
    ]);
  });

  it('a zero context beside the cookie is not a re-authentication', () => {
    const session = sessionAt('open');
    const both = Buffer.from('040000001e0000000d0000000300000000000000000000000400410000' + '00', 'hex');
    expect(actions(session.receive(both, 0))).toEqual(['authenticate A']);
  });

  it('a client that offers SSPI_NTLM in addition to PAA is accepted', () => {
    expect(actions(gatewaySession().receive(handshake(6), 0))).toEqual(['send HANDSHAKE_RESPONSE 0x00000000']);
  });

  it('EXTENDED_AUTH_MSG with a failure code ends the session without a response', () => {
    const session = sessionAt('open');
    const effects = session.receive(extendedAuth(RESULT.SEC_E_LOGON_DENIED), 0);
    expect(actions(effects)).toEqual(['end refused 0x800759F9']);
    expect(effects.at(-1)).toMatchObject({ detail: expect.stringContaining('EXTENDED_AUTH_MSG') });
  });
});

describe('an answer that refuses', () => {
  it.each([
    ['COOKIE_AUTHENTICATION_ACCESS_DENIED', 'fr2-read-tunnel-response-59f8', 0x800759f8],
    ['COOKIE_BADPACKET', 'fr2-read-tunnel-response-59f7', 0x800759f7],
  ])('a token: %s, as FreeRDP reads it', (_, id, code) => {
    const session = sessionAt('identity pending');
    const effects = session.answer({ allow: false, code }, 0);
    expect(sent(effects).map((pdu) => pdu.toString('hex'))).toEqual([vector(id).toString('hex')]);
    expect(effects.at(-1)).toEqual({ do: 'end', cause: 'refused', code });
    expectNothingMore(session);
  });

  it.each([
    ['RAP_ACCESSDENIED', 'fr2-read-channel-response-59da', 0x800759da],
    ['TS_CONNECTFAILED', 'fr2-read-channel-response-59dd', 0x800759dd],
  ])('a target: %s, as FreeRDP reads it', (_, id, code) => {
    const session = sessionAt('target pending');
    const effects = session.failed(code);
    expect(sent(effects).map((pdu) => pdu.toString('hex'))).toEqual([vector(id).toString('hex')]);
    expect(effects.at(-1)).toEqual({ do: 'end', cause: 'refused', code });
    expectNothingMore(session);
  });

  it('is sent as an HRESULT, because FreeRDP treats a code whose top bit is clear as success', () => {
    const answers: readonly (readonly [number, string])[] = [
      [0, '0x800759D8'],
      [1, '0x80070001'],
      [5, '0x80070005'],
      [0x59f8, '0x800759F8'],
      [0x800759db, '0x800759DB'],
    ];
    for (const [code, response] of answers) {
      expect(actions(sessionAt('identity pending').answer({ allow: false, code }, 0))).toEqual([
        `send TUNNEL_RESPONSE ${response}`,
        `end refused ${response}`,
      ]);
      expect(actions(sessionAt('target pending').failed(code))).toEqual([
        `send CHANNEL_RESPONSE ${response}`,
        `end refused ${response}`,
      ]);
    }
  });

  it('has a response whose top bit is set, for every code', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (code) => {
        for (const effects of [
          sessionAt('identity pending').answer({ allow: false, code }, 0),
          sessionAt('target pending').failed(code),
        ]) {
          const [pdu] = sent(effects) as [Buffer];
          expect(resultOf(decode(pdu))).toBeGreaterThanOrEqual(0x80000000);
        }
      }),
    );
  });
});

describe('a PDU out of order', () => {
  const everything: readonly Buffer[] = [
    handshake(),
    tunnelCreate(),
    tunnelAuth(),
    channelCreate(),
    data('x'),
    vector('fr2-read-close-channel-0'),
    closeResponse(),
    extendedAuth(),
    vector('fr2-paa-ws-handshake-response'),
    vector('spec-tunnel-response'),
    vector('spec-tunnel-auth-response'),
    vector('fr2-paa-ws-channel-response'),
    vector('fr2-read-service-message'),
    vector('fr2-read-reauth-message'),
    withHeader(0x0e, Buffer.alloc(4)),
  ];
  /** The packet types that a client may send, for each stage in which the session processes PDUs. */
  const ALLOWED: Partial<Record<Stage, readonly number[]>> = {
    start: [PKT_TYPE.HANDSHAKE_REQUEST],
    open: [PKT_TYPE.TUNNEL_CREATE, PKT_TYPE.EXTENDED_AUTH_MSG],
    'tunnel created': [PKT_TYPE.TUNNEL_AUTH],
    authorized: [PKT_TYPE.CHANNEL_CREATE, PKT_TYPE.CLOSE_CHANNEL_RESPONSE],
    channel: [PKT_TYPE.DATA, PKT_TYPE.CLOSE_CHANNEL],
  };

  it('ends the session at once without a response', () => {
    for (const [stage, allowed] of Object.entries(ALLOWED) as [Stage, readonly number[]][]) {
      for (const pdu of everything) {
        const type = pdu.readUInt16LE(0);
        if (allowed.includes(type)) continue;
        const session = sessionAt(stage);
        expect(actions(session.receive(pdu, 0)), `type ${type} in ${stage}`).toEqual(['end protocol error']);
        expectNothingMore(session);
      }
    }
  });

  it('is described in the detail with its type and the state', () => {
    const [end] = sessionAt('authorized')
      .receive(data('x'), 0)
      .filter((effect) => effect.do === 'end');
    expect(end).toMatchObject({ detail: 'PKT_TYPE_DATA is not allowed in the state "authorized"' });
  });

  it('is never a KEEPALIVE, which is accepted in every state and not answered', () => {
    for (const stage of STAGES) {
      const session = sessionAt(stage);
      expect(actions(session.receive(keepAlive(), 0)), stage).toEqual([]);
      expect(session.ended, stage).toBe(false);
    }
  });

  it('or with an invalid length ends the session as soon as the header is complete', () => {
    for (const stage of ['start', 'open', 'authorized', 'channel'] as const) {
      const short = sessionAt(stage);
      expect(actions(short.receive(Buffer.from('0a00000007000000', 'hex'), 0))).toEqual(['end protocol error']);
      const huge = sessionAt(stage);
      expect(actions(huge.receive(Buffer.from('0a000000ffffffff', 'hex'), 0))).toEqual(['end limit reached']);
      expectNothingMore(huge);
    }
  });
});

/** Checks that no method of an ended session has an effect. */
function expectNothingMore(session: GatewaySession): void {
  expect(session.ended).toBe(true);
  expect(session.open).toBe(false);
  const effects: Effect[] = [
    ...session.receive(Buffer.concat([handshake(), tunnelCreate(), tunnelAuth(), channelCreate(), data('x')]), 1),
    ...session.receive(Buffer.from('0a000000ffffffff', 'hex'), 1),
    ...session.answer({ allow: true }, 1),
    ...session.connected(1),
    ...session.failed(RESULT.E_PROXY_TS_CONNECTFAILED),
    ...session.targetEnded('end', 1),
    ...session.targetEnded('reset', 1),
    ...session.close(RESULT.ERROR_CONNECTION_ABORTED, 'closed by the gateway', 1),
    ...session.tick(1e12),
    ...session.start(),
  ];
  expect(shown(effects)).toEqual([]);
}
