/** The client session against bytes of other gateways: the PDUs that it sends, its effects and its errors. */
import { describe, expect, it } from 'vitest';
import {
  type ClientEffect,
  type ClientOptions,
  ClientSession,
  decode,
  LimitError,
  PduError,
  PKT_TYPE,
  ProtocolError,
  resultHex,
} from '../../src/protocol/index.js';
import { packetLine } from './gateway.js';
import { close, closeResponse, data, keepAlive, tunnelCreate } from './requests.js';
import { pdusOf, stream, vector } from './vectors.js';

/** The options of the captured clients. */
const CAPTURED: ClientOptions = {
  token: 'TOKEN123',
  clientName: 'vm',
  resources: ['127.0.0.1'],
  port: 33891,
  capsFlags: 0x0d,
};

describe('a connection to the captured gateways', () => {
  it('sends the same bytes as FreeRDP', () => {
    const client = new ClientSession(CAPTURED);
    const wire = sent(client.start());
    for (const pdu of pdusOf('fr2-paa-ws-server').slice(0, 4)) wire.push(...sent(client.receive(pdu)));
    expect(wire).toEqual(
      pdusOf('fr2-paa-ws-client')
        .slice(0, 4)
        .map((pdu) => pdu.toString('hex')),
    );
    expect(client.state).toBe('channel');
  });

  it('has the same effects for any split of the stream', () => {
    for (const id of ['fr2-paa-ws-server', 'fr2-paa-dual-server', 'fr2-ntlm-ws-server']) {
      const bytes = stream(id);
      const whole = new ClientSession(CAPTURED);
      const expected = lines([...whole.start(), ...whole.receive(bytes)]);
      expect(expected.slice(0, 5), id).toEqual([
        'send HANDSHAKE_REQUEST',
        'send TUNNEL_CREATE',
        'send TUNNEL_AUTH',
        'send CHANNEL_CREATE',
        'opened tunnel 1 channel 1',
      ]);
      expect(expected.slice(5).every((line) => line.startsWith('deliver '))).toBe(true);
      for (const size of [1, 3, 17, 1000]) {
        const client = new ClientSession(CAPTURED);
        const effects = client.start();
        for (let offset = 0; offset < bytes.length; offset += size) {
          effects.push(...client.receive(bytes.subarray(offset, offset + size)));
        }
        expect(lines(effects), `${id} by ${size}`).toEqual(expected);
      }
    }
  });

  it('without a token sends NONE in the handshake and no cookie in TUNNEL_CREATE', () => {
    const { token: _, ...without } = CAPTURED;
    const client = new ClientSession(without);
    expect(sent(client.start())).toEqual([vector('fr2-ntlm-ws-handshake-request').toString('hex')]);
    const [create] = sent(client.receive(vector('fr2-ntlm-ws-handshake-response')));
    expect(create).toBe(vector('fr2-ntlm-ws-tunnel-create').toString('hex'));
  });

  it('sends the given alternates and authentication flags', () => {
    const client = new ClientSession({ ...CAPTURED, extendedAuth: 0, altResources: ['b'] });
    expect(sent(client.start())).toEqual([vector('spec-handshake-request').toString('hex')]);
    const effects = clientAt('channel-requested', { altResources: ['b', 'c'] }).effects;
    const [request] = effects.filter((effect) => effect.do === 'send').slice(-1);
    expect(decode((request as { pdu: Buffer }).pdu).fields).toMatchObject({ altResources: ['b', 'c'] });
  });
});

describe('refusals', () => {
  it.each([
    ['start', 'fr2-read-handshake-response-59f9', 'refused HANDSHAKE_RESPONSE 0x800759F9'],
    ['tunnel-requested', 'fr2-read-tunnel-response-59f8', 'refused TUNNEL_RESPONSE 0x800759F8'],
    ['authorization-requested', 'fr2-read-tunnel-auth-response-59db', 'refused TUNNEL_AUTH_RESPONSE 0x800759DB'],
    ['channel-requested', 'fr2-read-channel-response-59dd', 'refused CHANNEL_RESPONSE 0x800759DD'],
  ] as const)('in %s are reported, and nothing more is sent', (stage, id, line) => {
    const { client } = clientAt(stage);
    expect(lines(client.receive(vector(id)))).toEqual([line]);
    expect(client.state).toBe('refused');
    expect(() => client.createChannel()).toThrow(ProtocolError);
    expect(() => client.receive(keepAlive())).toThrow(ProtocolError);
    client.wrap(Buffer.from('x'), () => {
      throw new Error('DATA after a refusal');
    });
  });

  it('include codes whose top bit is clear', () => {
    const { client } = clientAt('channel-requested');
    const low = Buffer.from(vector('fr2-read-channel-response-59dd'));
    low.writeUInt32LE(0x59dd, 8);
    expect(lines(client.receive(low))).toEqual(['refused CHANNEL_RESPONSE 0x000059DD']);
  });
});

describe('the channel', () => {
  it('carries bytes both ways', () => {
    const { client } = clientAt('channel');
    const wire: Buffer[] = [];
    client.wrap(Buffer.from('hi'), (pdu) => wire.push(pdu));
    expect(wire.map((pdu) => pdu.toString('hex'))).toEqual(['0a0000000c00000002006869']);
    expect(lines(client.receive(data('ho')))).toEqual(['deliver 686f']);
  });

  it('reports service messages and does not answer KEEPALIVE', () => {
    const { client } = clientAt('channel');
    expect(lines(client.receive(vector('fr2-read-service-message-unicode')))).toEqual(['message Zürich ☀']);
    expect(client.receive(vector('fr2-read-keepalive'))).toEqual([]);
    expect(client.receive(vector('fr2-read-reauth-message'))).toEqual([]);
  });

  it('is closed by the gateway, which receives the same response as from FreeRDP', () => {
    const { client } = clientAt('channel');
    const effects = client.receive(vector('fr2-read-close-channel-4d4'));
    expect(lines(effects)).toEqual(['send CLOSE_CHANNEL_RESPONSE 0x00000000', 'closed 0x000004D4']);
    expect(sent(effects)).toEqual([vector('fr2-sent-close-channel-response').toString('hex')]);
    expect(lines(client.createChannel())).toEqual(['send CHANNEL_CREATE']);
  });

  it('is closed by the client: DATA in transit is delivered until the response', () => {
    const { client } = clientAt('channel');
    expect(lines(client.closeChannel())).toEqual(['send CLOSE_CHANNEL 0x00000000']);
    expect(lines(client.receive(data('late')))).toEqual(['deliver 6c617465']);
    expect(() => client.createChannel()).toThrow(ProtocolError);
    expect(lines(client.receive(closeResponse()))).toEqual(['closed 0x00000000']);
    expect(lines(client.createChannel())).toEqual(['send CHANNEL_CREATE']);
  });

  it('is reported as closed once if both sides close it, when another one may be requested', () => {
    const { client } = clientAt('channel');
    client.closeChannel();
    expect(lines(client.receive(close(0xa0)))).toEqual(['send CLOSE_CHANNEL_RESPONSE 0x00000000']);
    expect(lines(client.receive(closeResponse()))).toEqual(['closed 0x00000000']);
    expect(lines(client.createChannel())).toEqual(['send CHANNEL_CREATE']);
  });
});

describe('a protocol violation of the gateway is an error', () => {
  it.each([
    ['start', 'fr2-paa-ws-tunnel-response'],
    ['start', 'fr2-paa-ws-data-s1'],
    ['tunnel-requested', 'fr2-paa-ws-tunnel-auth-response'],
    ['authorization-requested', 'fr2-read-service-message'],
    ['channel-requested', 'fr2-paa-ws-data-s1'],
    ['channel-requested', 'fr2-read-close-channel-0'],
    ['channel', 'fr2-paa-ws-channel-response'],
    ['channel', 'fr2-sent-close-channel-response'],
  ] as const)('in %s: %s', (stage, id) => {
    const { client } = clientAt(stage);
    expect(() => client.receive(vector(id))).toThrow(ProtocolError);
  });

  it('if it sends a request of a client', () => {
    const { client } = clientAt('start');
    expect(() => client.receive(tunnelCreate())).toThrow(/PKT_TYPE_TUNNEL_CREATE is not allowed/);
  });

  it('if it sends malformed PDUs', () => {
    expect(() => clientAt('start').client.receive(Buffer.from('0200000009000000' + '00', 'hex'))).toThrow(PduError);
    expect(() => clientAt('channel').client.receive(Buffer.from('0a000000ffffff00', 'hex'))).toThrow(LimitError);
    expect(() => clientAt('channel').client.receive(Buffer.from('0a0000000b0000000500aa', 'hex'))).toThrow(PduError);
  });
});

/** A client in this state, after the responses of a captured gateway, and its effects so far. */
function clientAt(
  stage: string,
  options: Partial<ClientOptions> = {},
): { client: ClientSession; effects: ClientEffect[] } {
  const client = new ClientSession({ ...CAPTURED, ...options });
  const effects = client.start();
  for (const pdu of stage === 'start' ? [] : pdusOf('fr2-paa-ws-server').slice(0, 4)) {
    if (client.state === stage) break;
    effects.push(...client.receive(pdu));
  }
  expect(client.state).toBe(stage === 'start' ? 'handshake' : stage);
  return { client, effects };
}

function sent(effects: readonly ClientEffect[]): string[] {
  return effects.flatMap((effect) => (effect.do === 'send' ? [effect.pdu.toString('hex')] : []));
}

const NAMES = new Map<number, string>(Object.entries(PKT_TYPE).map(([name, type]) => [type, name]));

function lines(effects: readonly ClientEffect[]): string[] {
  return effects.map(line);
}

function line(effect: ClientEffect): string {
  switch (effect.do) {
    case 'send':
      return `send ${packetLine(decode(effect.pdu))}`;
    case 'deliver':
      return `deliver ${effect.bytes.toString('hex')}`;
    case 'opened':
      return `opened tunnel ${effect.tunnelId} channel ${effect.channelId}`;
    case 'refused':
      return `refused ${NAMES.get(effect.packetType)} ${resultHex(effect.code)}`;
    case 'message':
      return `message ${effect.text}`;
    case 'closed':
      return `closed ${resultHex(effect.code)}`;
  }
}
