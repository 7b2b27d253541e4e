/** The state table of MS-TSGU 3.3.5 and 3.7.5: all allowed PDUs, all others, and whole conversations. */
import { describe, expect, it } from 'vitest';
import {
  decode,
  type FlowState,
  PACKETS,
  type Packet,
  PKT_TYPE,
  RESULT,
  resultOf,
  type Side,
  step,
} from '../../src/protocol/index.js';
import { packetLine } from './gateway.js';
import { pdusOf, vector } from './vectors.js';

type Name = keyof typeof PACKETS;

/** A PDU of the type `name`, with the result code `code` if the type has one. */
function packet(name: Name, code: number = RESULT.SUCCESS): Packet {
  const bytes: Record<Name, () => Buffer> = {
    HANDSHAKE_REQUEST: () => vector('spec-handshake-request'),
    HANDSHAKE_RESPONSE: () =>
      PACKETS.HANDSHAKE_RESPONSE.encode({
        errorCode: code,
        verMajor: 1,
        verMinor: 0,
        serverVersion: 0,
        extendedAuth: 7,
      }),
    EXTENDED_AUTH_MSG: () => PACKETS.EXTENDED_AUTH_MSG.encode({ errorCode: code, authBlob: Buffer.alloc(0) }),
    TUNNEL_CREATE: () => vector('spec-tunnel-create'),
    TUNNEL_RESPONSE: () => PACKETS.TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: code }),
    TUNNEL_AUTH: () => vector('spec-tunnel-auth'),
    TUNNEL_AUTH_RESPONSE: () => PACKETS.TUNNEL_AUTH_RESPONSE.encode({ errorCode: code }),
    CHANNEL_CREATE: () => vector('fr2-sent-channel-create-short'),
    CHANNEL_RESPONSE: () => PACKETS.CHANNEL_RESPONSE.encode({ errorCode: code }),
    DATA: () => vector('rdpgwnet-data-client'),
    SERVICE_MESSAGE: () => vector('fr2-read-service-message'),
    REAUTH_MESSAGE: () => vector('fr2-read-reauth-message'),
    KEEPALIVE: () => vector('fr2-read-keepalive'),
    CLOSE_CHANNEL: () => PACKETS.CLOSE_CHANNEL.encode({ statusCode: code }),
    CLOSE_CHANNEL_RESPONSE: () => PACKETS.CLOSE_CHANNEL_RESPONSE.encode({ statusCode: code }),
  };
  return decode(bytes[name]());
}

const NAMES = Object.keys(PACKETS) as Name[];
const SIDES: readonly Side[] = ['client', 'gateway'];
const STATES: readonly FlowState[] = [
  'start',
  'handshake',
  'open',
  'extended-auth',
  'tunnel-requested',
  'tunnel-created',
  'authorization-requested',
  'authorized',
  'channel-requested',
  'channel',
  'closing-by-client',
  'closing-by-gateway',
  'refused',
];

/** All allowed PDUs except KEEPALIVE: state, side, PDU, next state, and next state after a failure if it differs. */
const ALLOWED: readonly (readonly [FlowState, Side, Name, FlowState, FlowState?])[] = [
  ['start', 'client', 'HANDSHAKE_REQUEST', 'handshake'],
  ['handshake', 'gateway', 'HANDSHAKE_RESPONSE', 'open', 'refused'],
  ['open', 'client', 'EXTENDED_AUTH_MSG', 'extended-auth', 'refused'],
  ['extended-auth', 'gateway', 'EXTENDED_AUTH_MSG', 'open', 'refused'],
  ['open', 'client', 'TUNNEL_CREATE', 'tunnel-requested'],
  ['tunnel-requested', 'gateway', 'TUNNEL_RESPONSE', 'tunnel-created', 'refused'],
  ['tunnel-created', 'client', 'TUNNEL_AUTH', 'authorization-requested'],
  ['authorization-requested', 'gateway', 'TUNNEL_AUTH_RESPONSE', 'authorized', 'refused'],
  ['authorized', 'client', 'CHANNEL_CREATE', 'channel-requested'],
  ['authorized', 'client', 'CLOSE_CHANNEL_RESPONSE', 'authorized'],
  ['authorized', 'gateway', 'SERVICE_MESSAGE', 'authorized'],
  ['authorized', 'gateway', 'REAUTH_MESSAGE', 'authorized'],
  ['channel-requested', 'gateway', 'CHANNEL_RESPONSE', 'channel', 'refused'],
  ['channel', 'client', 'DATA', 'channel'],
  ['channel', 'gateway', 'DATA', 'channel'],
  ['channel', 'gateway', 'SERVICE_MESSAGE', 'channel'],
  ['channel', 'gateway', 'REAUTH_MESSAGE', 'channel'],
  ['channel', 'client', 'CLOSE_CHANNEL', 'closing-by-client'],
  ['channel', 'gateway', 'CLOSE_CHANNEL', 'closing-by-gateway'],
  ['closing-by-client', 'gateway', 'DATA', 'closing-by-client'],
  ['closing-by-client', 'gateway', 'SERVICE_MESSAGE', 'closing-by-client'],
  ['closing-by-client', 'gateway', 'CLOSE_CHANNEL', 'closing-by-client'],
  ['closing-by-client', 'client', 'CLOSE_CHANNEL_RESPONSE', 'closing-by-client'],
  ['closing-by-client', 'gateway', 'CLOSE_CHANNEL_RESPONSE', 'authorized'],
  ['closing-by-gateway', 'client', 'DATA', 'closing-by-gateway'],
  ['closing-by-gateway', 'client', 'CLOSE_CHANNEL', 'closing-by-client'],
  ['closing-by-gateway', 'client', 'CLOSE_CHANNEL_RESPONSE', 'authorized'],
];

describe('the state table', () => {
  it('allows what the specification allows', () => {
    for (const [state, side, name, success, failure = success] of ALLOWED) {
      const what = `${side} ${name} in ${state}`;
      expect(step(state, side, packet(name)), what).toBe(success);
      for (const code of [1, 5, RESULT.E_PROXY_INTERNALERROR]) {
        const failed = packet(name, code);
        expect(step(state, side, failed), what).toBe(resultOf(failed) === RESULT.SUCCESS ? success : failure);
      }
    }
  });

  it('refuses all other PDUs, with any result code', () => {
    const allowed = new Set(ALLOWED.map(([state, side, name]) => `${state} ${side} ${name}`));
    let refused = 0;
    for (const state of STATES) {
      for (const side of SIDES) {
        for (const name of NAMES.filter((one) => one !== 'KEEPALIVE')) {
          if (allowed.has(`${state} ${side} ${name}`)) continue;
          for (const code of [RESULT.SUCCESS, RESULT.E_PROXY_INTERNALERROR]) {
            expect(step(state, side, packet(name, code)), `${side} ${name} in ${state}`).toBeUndefined();
          }
          refused++;
        }
      }
    }
    expect(refused).toBe(STATES.length * SIDES.length * 14 - ALLOWED.length);
  });

  it('allows KEEPALIVE from both sides in every state except refused', () => {
    for (const state of STATES) {
      for (const side of SIDES) {
        expect(step(state, side, packet('KEEPALIVE'))).toBe(state === 'refused' ? undefined : state);
      }
    }
  });

  it('reaches every state', () => {
    const reached = new Set(ALLOWED.flatMap(([, , , success, failure = success]) => [success, failure]));
    expect([...reached, 'start'].sort()).toEqual([...STATES].sort());
  });
});

describe('conversations', () => {
  it('of the captures reach the channel', () => {
    for (const id of ['fr2-paa-ws', 'fr2-ntlm-ws', 'fr2-paa-dual', 'fr3-ntlm-dual', 'fr3-ext-ws']) {
      const client = pdusOf(`${id}-client`).map((pdu) => ['client', decode(pdu)] as const);
      const gateway = pdusOf(`${id}-server`).map((pdu) => ['gateway', decode(pdu)] as const);
      // In all captures each request is followed by its response.
      const both = client.flatMap((one, index) => [one, gateway[index] as (typeof gateway)[number]]);
      expect(walk(both), id).toBe('channel');
    }
  });

  it('in which the client closes the channel and opens another', () => {
    expect(
      walk(
        [
          ['client', packet('CLOSE_CHANNEL')],
          ['gateway', packet('DATA')],
          ['gateway', packet('CLOSE_CHANNEL_RESPONSE')],
          ['client', packet('CHANNEL_CREATE')],
          ['gateway', packet('CHANNEL_RESPONSE')],
          ['client', packet('DATA')],
        ],
        'channel',
      ),
    ).toBe('channel');
  });

  it('in which the gateway closes the channel', () => {
    expect(
      walk(
        [
          ['gateway', packet('CLOSE_CHANNEL', RESULT.ERROR_CONNECTION_ABORTED)],
          ['client', packet('DATA')],
          ['client', packet('KEEPALIVE')],
          ['client', packet('CLOSE_CHANNEL_RESPONSE')],
        ],
        'channel',
      ),
    ).toBe('authorized');
  });

  it('in which both sides close end without a channel, in any order of the PDUs', () => {
    const close = packet('CLOSE_CHANNEL');
    const response = packet('CLOSE_CHANNEL_RESPONSE');
    const orders: readonly (readonly (readonly [Side, Packet])[])[] = [
      [
        ['gateway', close],
        ['client', close],
        ['gateway', response],
        ['client', response],
      ],
      [
        ['gateway', close],
        ['client', close],
        ['gateway', response],
      ],
      [
        ['client', close],
        ['gateway', close],
        ['client', response],
        ['gateway', response],
      ],
      [
        ['client', close],
        ['gateway', close],
        ['gateway', response],
        ['client', response],
      ],
    ];
    for (const order of orders) expect(walk(order, 'channel')).toBe('authorized');
  });

  it('end with a refusal', () => {
    expect(
      walk([
        ['client', packet('HANDSHAKE_REQUEST')],
        ['gateway', packet('HANDSHAKE_RESPONSE')],
        ['client', packet('TUNNEL_CREATE')],
        ['gateway', decode(vector('fr2-read-tunnel-response-59f8'))],
      ]),
    ).toBe('refused');
  });
});

describe('resultOf', () => {
  it('is 0 for a PDU without a result', () => {
    expect(resultOf(packet('DATA'))).toBe(0);
    expect(resultOf(packet('KEEPALIVE'))).toBe(0);
  });

  it.each([
    ['fr2-read-tunnel-response-59f8', 0x800759f8],
    ['fr2-read-channel-response-59dd', 0x800759dd],
    ['fr2-read-close-channel-4d4', 0x4d4],
    ['fr3-read-extended-auth-logon-denied', 0x8009030c],
  ])('%s carries %i', (id, code) => {
    expect(resultOf(decode(vector(id)))).toBe(code);
  });
});

it('every packet type has a name in the table', () => {
  expect(NAMES.map((name) => packet(name).type)).toEqual(NAMES.map((name) => PKT_TYPE[name]));
});

/** Returns the state after the conversation. A PDU that is not allowed fails the test. */
function walk(conversation: readonly (readonly [Side, Packet])[], from: FlowState = 'start'): FlowState {
  return conversation.reduce((state, [side, one]) => {
    const next = step(state, side, one);
    expect(next, `${side} ${packetLine(one)} in ${state}`).toBeDefined();
    return next as FlowState;
  }, from);
}
