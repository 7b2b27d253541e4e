/** Whole connections as tables of inputs (bytes, answers, times) and the resulting effects. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DATA_PAYLOAD,
  decode,
  type Effect,
  type GatewaySession,
  MAX_WAITING,
  TUNNEL_RESPONSE,
} from '../../src/protocol/index.js';
import { splits } from '../support/arbitrary.js';
import { actions, gatewaySession, packetLine, sent, shown } from './gateway.js';
import {
  channelCreate,
  close,
  closeResponse,
  data,
  handshake,
  keepAlive,
  tunnelAuth,
  tunnelCreate,
} from './requests.js';
import { sessionAt } from './stages.js';
import { pdusOf, stream, vector } from './vectors.js';

describe('a connection', () => {
  it('produces the expected effects from the first byte to the close of the channel', () => {
    const session = gatewaySession();
    expect(shown(session.start())).toEqual(['timer 120000']);
    expect(shown(session.receive(handshake(), 10))).toEqual(['send HANDSHAKE_RESPONSE 0x00000000']);
    expect(shown(session.receive(tunnelCreate('secret'), 20))).toEqual(['authenticate secret']);
    expect(shown(session.answer({ allow: true, until: 900_000 }, 30))).toEqual(['send TUNNEL_RESPONSE 0x00000000']);
    expect(shown(session.receive(tunnelAuth('KIOSK-07'), 40))).toEqual(['send TUNNEL_AUTH_RESPONSE 0x00000000']);
    expect(session.clientName).toBe('KIOSK-07');
    expect(shown(session.receive(channelCreate(['a', 'b'], ['c', 'd']), 50))).toEqual(['connect a b c d : 3389']);
    expect(shown(session.connected(60))).toEqual(['send CHANNEL_RESPONSE 0x00000000', 'timer 30060']);
    expect(shown(session.receive(data('hi'), 70))).toEqual(['deliver 6869']);
    expect(shown(session.tick(30_060))).toEqual(['send KEEPALIVE', 'timer 60060']);
    expect(shown(session.receive(close(), 40_000))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
      'timer 160000',
    ]);
    expect(session.ended).toBe(false);
  });

  it('answers a captured client with the bytes that it accepted from another gateway', () => {
    const [handshakeRequest, create, auth, channel, first] = pdusOf('fr2-paa-ws-client') as Buffer[] as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    const session = gatewaySession({ tunnelId: 1 });
    const bytes = (effects: Effect[]) => sent(effects).map((pdu) => pdu.toString('hex'));
    expect(bytes(session.receive(handshakeRequest, 0))).toEqual([hex('fr2-paa-ws-handshake-response')]);
    expect(actions(session.receive(create, 0))).toEqual(['authenticate TOKEN123']);
    // The response differs from the captured one only in serverVersion, which is 0 as on Windows, and in the
    // capabilities.
    const [response] = sent(session.answer({ allow: true }, 0)) as [Buffer];
    expect(response.toString('hex')).toBe('050000001a0000000000000000000300000001000000' + '00000000');
    expect(decode(vector('fr2-paa-ws-tunnel-response')).fields).toEqual({
      ...decode(response).fields,
      serverVersion: 1,
      capsFlags: 0x3f,
    });
    expect(bytes(session.receive(auth, 0))).toEqual([hex('fr2-paa-ws-tunnel-auth-response')]);
    expect(actions(session.receive(channel, 0))).toEqual(['connect 127.0.0.1 : 33891']);
    expect(bytes(session.connected(0))).toEqual([hex('fr2-paa-ws-channel-response')]);
    expect(actions(session.receive(first, 0))).toEqual([`deliver ${first.subarray(10).toString('hex')}`]);
  });

  it('answers mstsc, which offers every capability, with the supported ones only', () => {
    const session = gatewaySession();
    session.receive(handshake(), 0);
    session.receive(tunnelCreate('secret', 0x3f), 0);
    const [response] = sent(session.answer({ allow: true }, 0)) as [Buffer];
    expect(
      response.equals(TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: 0, tunnelId: 6, capsFlags: 2 })),
    ).toBe(true);
    // Apart from the capabilities (0x3F) this is the example of the specification.
    expect(Buffer.concat([response.subarray(0, 22), Buffer.from('3f000000', 'hex')])).toEqual(
      vector('spec-tunnel-response'),
    );
  });

  it('never sends the health check fields or a consent message, which clients misparse', () => {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate('secret', 0x3f)]), 0);
    const [response] = sent(session.answer({ allow: true }, 0)) as [Buffer];
    expect(decode(response).fields).toMatchObject({ fieldsPresent: 0x3 });
  });

  it('gives each channel of a tunnel its own id', () => {
    const session = sessionAt('channel');
    session.receive(close(), 0);
    session.receive(channelCreate(['second']), 0);
    const [response] = sent(session.connected(0)) as [Buffer];
    expect(decode(response).fields).toMatchObject({ channelId: 2 });
  });

  it('does not deliver the payload of an empty DATA', () => {
    const session = sessionAt('channel');
    expect(session.receive(vector('justrdp-data-empty'), 0)).toEqual([]);
    expect(actions(session.receive(data('x'), 0))).toEqual(['deliver 78']);
  });

  it('delivers only what cbDataLen counts', () => {
    const session = sessionAt('channel');
    expect(actions(session.receive(Buffer.from('0a0000000e000000020068697878', 'hex'), 0))).toEqual(['deliver 6869']);
  });
});

describe('while an answer is pending', () => {
  it('no PDU is processed, and none is lost', () => {
    const session = sessionAt('open');
    expect(session.paused).toBe(false);
    const rest = [tunnelAuth(), channelCreate(), data('early')];
    expect(actions(session.receive(Buffer.concat([tunnelCreate(), ...rest]), 0))).toEqual(['authenticate TOKEN123']);
    expect(session.paused).toBe(true);
    expect(actions(session.receive(keepAlive(), 0))).toEqual([]);
    expect(actions(session.answer({ allow: true }, 0))).toEqual([
      'send TUNNEL_RESPONSE 0x00000000',
      'send TUNNEL_AUTH_RESPONSE 0x00000000',
      'connect desktop.example : 3389',
    ]);
    expect(session.paused).toBe(true);
    expect(actions(session.connected(0))).toEqual(['send CHANNEL_RESPONSE 0x00000000', 'deliver 6561726c79']);
    expect(session.paused).toBe(false);
  });

  it('MAX_WAITING bytes are buffered, and one more ends the session with a response', () => {
    const session = sessionAt('identity pending');
    for (let waiting = 0; waiting < MAX_WAITING; waiting += DATA_PAYLOAD) {
      expect(session.receive(Buffer.alloc(DATA_PAYLOAD), 0)).toEqual([]);
    }
    expect(actions(session.receive(Buffer.alloc(1), 0))).toEqual([
      'send TUNNEL_RESPONSE 0x800759D8',
      'end limit reached',
    ]);
  });

  it('an answer that was not requested changes nothing', () => {
    for (const stage of ['start', 'open', 'tunnel created', 'authorized', 'target pending', 'channel'] as const) {
      const session = sessionAt(stage);
      const before = session.state;
      expect(session.answer({ allow: true }, 0), stage).toEqual([]);
      expect(session.answer({ allow: false, code: 0x800759f8 }, 0), stage).toEqual([]);
      if (stage !== 'target pending') {
        expect(session.connected(0), stage).toEqual([]);
        expect(session.failed(0x800759dd), stage).toEqual([]);
      }
      expect(session.state, stage).toBe(before);
    }
    const pending = sessionAt('identity pending');
    expect(pending.connected(0)).toEqual([]);
    expect(pending.failed(0x800759dd)).toEqual([]);
    expect(pending.paused).toBe(true);
  });
});

describe('the split of the input', () => {
  const conversation = Buffer.concat([
    handshake(),
    keepAlive(),
    tunnelCreate(),
    tunnelAuth(),
    channelCreate(['a'], ['b']),
    data('first'),
    keepAlive(),
    data('second'),
    close(),
    channelCreate(['again']),
    data('third'),
    closeResponse(),
  ]);
  const whole = drive(gatewaySession(), [conversation]);

  it('does not change the effects of a conversation', () => {
    expect(whole.at(-1)).toBe('end protocol error');
    fc.assert(
      fc.property(splits(conversation, 40), (chunks) => {
        expect(drive(gatewaySession(), chunks)).toEqual(whole);
      }),
    );
    expect(drive(gatewaySession(), bytewise(conversation))).toEqual(whole);
  });

  it('does not change the effects of captured clients', () => {
    for (const id of ['fr2-paa-ws-client', 'fr2-paa-dual-client', 'fr2-ntlm-ws-client', 'fr3-ext-ws-client']) {
      const bytes = stream(id);
      const once = drive(gatewaySession(), [bytes]);
      expect(drive(gatewaySession(), bytewise(bytes)), id).toEqual(once);
      expect(
        once.filter((line) => line.startsWith('connect')),
        id,
      ).toHaveLength(id.includes('paa') ? 1 : 0);
    }
  });

  it('may be one read of several megabytes', () => {
    const session = sessionAt('channel');
    const pdu = data('x'.repeat(60_000));
    const effects = session.receive(Buffer.concat(Array(20).fill(pdu)), 0);
    const delivered = effects.map((effect) => (effect.do === 'deliver' ? effect.bytes : Buffer.alloc(0)));
    expect(Buffer.concat(delivered).toString()).toBe('x'.repeat(20 * 60_000));
  });
});

describe('wrap', () => {
  it('splits bytes of the target in order into PDUs of 16 KiB', () => {
    const session = sessionAt('channel');
    const bytes = Buffer.alloc(3 * DATA_PAYLOAD + 5, 'abc');
    const pdus: Buffer[] = [];
    session.wrap(bytes, (pdu) => pdus.push(pdu));
    const payloads = pdus.map((pdu) => decode(pdu).fields as { data: Buffer });
    expect(payloads.map((fields) => fields.data.length)).toEqual([DATA_PAYLOAD, DATA_PAYLOAD, DATA_PAYLOAD, 5]);
    expect(Buffer.concat(payloads.map((fields) => fields.data)).equals(bytes)).toBe(true);
  });

  it('emits nothing unless the channel is open', () => {
    const expectNothing = (session: GatewaySession) =>
      session.wrap(Buffer.from('x'), () => {
        throw new Error('DATA without a channel');
      });
    for (const stage of [
      'start',
      'open',
      'identity pending',
      'tunnel created',
      'authorized',
      'target pending',
    ] as const) {
      expectNothing(sessionAt(stage));
      expect(sessionAt(stage).open).toBe(false);
    }
    const closed = sessionAt('channel');
    closed.receive(close(), 0);
    expectNothing(closed);
    const closing = sessionAt('channel');
    closing.targetEnded('end', 0);
    expectNothing(closing);
  });
});

/** Passes the chunks to the session and allows every request at once. Returns the effects as lines, without timers. */
function drive(session: GatewaySession, chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const carryOut = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      for (const line of actions([effect])) {
        const joins = line.startsWith('deliver') && lines.at(-1)?.startsWith('deliver');
        if (joins) lines.push(lines.pop() + line.replace('deliver ', ''));
        else lines.push(line);
      }
      if (effect.do === 'authenticate') carryOut(session.answer({ allow: true }, 0));
      if (effect.do === 'connect') carryOut(session.connected(0));
    }
  };
  // The session takes over the buffers and moves payload inside them.
  for (const chunk of chunks) carryOut(session.receive(Buffer.from(chunk), 0));
  return lines;
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

function hex(id: string): string {
  expect(packetLine(decode(vector(id)))).toBeTruthy();
  return vector(id).toString('hex');
}
