/** Whole connections as tables: bytes, answers and time go in, effects come out. */
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
import { done, gatewaySession, packetLine, sent, shown } from './gateway.js';
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
  it('from the first byte to the last', () => {
    const session = gatewaySession();
    expect(shown(session.start())).toEqual(['wake 120000']);
    expect(shown(session.receive(handshake(), 10))).toEqual(['send HANDSHAKE_RESPONSE 0x00000000']);
    expect(shown(session.receive(tunnelCreate('secret'), 20))).toEqual(['authenticate secret']);
    expect(shown(session.answer({ allow: true, until: 900_000 }, 30))).toEqual(['send TUNNEL_RESPONSE 0x00000000']);
    expect(shown(session.receive(tunnelAuth('KIOSK-07'), 40))).toEqual(['send TUNNEL_AUTH_RESPONSE 0x00000000']);
    expect(session.clientName).toBe('KIOSK-07');
    expect(shown(session.receive(channelCreate(['a', 'b'], ['c', 'd']), 50))).toEqual(['connect a b c d : 3389']);
    expect(shown(session.connected(60))).toEqual(['send CHANNEL_RESPONSE 0x00000000', 'wake 30060']);
    expect(shown(session.receive(data('hi'), 70))).toEqual(['deliver 6869']);
    expect(shown(session.tick(30_060))).toEqual(['send KEEPALIVE', 'wake 60060']);
    expect(shown(session.receive(close(), 40_000))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
      'wake 160000',
    ]);
    expect(session.ended).toBe(false);
  });

  it('answers a captured client with the bytes that such a client took from another gateway', () => {
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
    expect(done(session.receive(create, 0))).toEqual(['authenticate TOKEN123']);
    // The one difference to the captured response: serverVersion 0, as Windows sends it, and only capabilities in common.
    const [response] = sent(session.answer({ allow: true }, 0)) as [Buffer];
    expect(response.toString('hex')).toBe('050000001a0000000000000000000300000001000000' + '00000000');
    expect(decode(vector('fr2-paa-ws-tunnel-response')).fields).toEqual({
      ...decode(response).fields,
      serverVersion: 1,
      capsFlags: 0x3f,
    });
    expect(bytes(session.receive(auth, 0))).toEqual([hex('fr2-paa-ws-tunnel-auth-response')]);
    expect(done(session.receive(channel, 0))).toEqual(['connect 127.0.0.1 : 33891']);
    expect(bytes(session.connected(0))).toEqual([hex('fr2-paa-ws-channel-response')]);
    expect(done(session.receive(first, 0))).toEqual([`deliver ${first.subarray(10).toString('hex')}`]);
  });

  it('answers mstsc, which offers every capability, with those that are in common', () => {
    const session = gatewaySession();
    session.receive(handshake(), 0);
    session.receive(tunnelCreate('secret', 0x3f), 0);
    const [response] = sent(session.answer({ allow: true }, 0)) as [Buffer];
    expect(
      response.equals(TUNNEL_RESPONSE.encode({ serverVersion: 0, statusCode: 0, tunnelId: 6, capsFlags: 2 })),
    ).toBe(true);
    // The example of the specification, but for the capabilities: 0x3F there.
    expect(Buffer.concat([response.subarray(0, 22), Buffer.from('3f000000', 'hex')])).toEqual(
      vector('spec-tunnel-response'),
    );
  });

  it('never sets the health check flag or a consent text, which clients misread', () => {
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

  it('drops an empty DATA instead of delivering nothing', () => {
    const session = sessionAt('channel');
    expect(session.receive(vector('justrdp-data-empty'), 0)).toEqual([]);
    expect(done(session.receive(data('x'), 0))).toEqual(['deliver 78']);
  });

  it('delivers only what cbDataLen counts', () => {
    const session = sessionAt('channel');
    expect(done(session.receive(Buffer.from('0a0000000e000000020068697878', 'hex'), 0))).toEqual(['deliver 6869']);
  });
});

describe('while an answer is awaited', () => {
  it('nothing is read, and nothing is lost', () => {
    const session = sessionAt('open');
    expect(session.paused).toBe(false);
    const rest = [tunnelAuth(), channelCreate(), data('early')];
    expect(done(session.receive(Buffer.concat([tunnelCreate(), ...rest]), 0))).toEqual(['authenticate TOKEN123']);
    expect(session.paused).toBe(true);
    expect(done(session.receive(keepAlive(), 0))).toEqual([]);
    expect(done(session.answer({ allow: true }, 0))).toEqual([
      'send TUNNEL_RESPONSE 0x00000000',
      'send TUNNEL_AUTH_RESPONSE 0x00000000',
      'connect desktop.example : 3389',
    ]);
    expect(session.paused).toBe(true);
    expect(done(session.connected(0))).toEqual(['send CHANNEL_RESPONSE 0x00000000', 'deliver 6561726c79']);
    expect(session.paused).toBe(false);
  });

  it('as many bytes wait as the cap says, and one more ends the session with an answer', () => {
    const session = sessionAt('identity asked');
    for (let waiting = 0; waiting < MAX_WAITING; waiting += DATA_PAYLOAD) {
      expect(session.receive(Buffer.alloc(DATA_PAYLOAD), 0)).toEqual([]);
    }
    expect(done(session.receive(Buffer.alloc(1), 0))).toEqual(['send TUNNEL_RESPONSE 0x800759D8', 'end limit reached']);
  });

  it('an answer that nobody asked for changes nothing', () => {
    for (const stage of ['start', 'open', 'tunnel created', 'authorized', 'target asked', 'channel'] as const) {
      const session = sessionAt(stage);
      const before = session.state;
      expect(session.answer({ allow: true }, 0), stage).toEqual([]);
      expect(session.answer({ allow: false, code: 0x800759f8 }, 0), stage).toEqual([]);
      if (stage !== 'target asked') {
        expect(session.connected(0), stage).toEqual([]);
        expect(session.failed(0x800759dd), stage).toEqual([]);
      }
      expect(session.state, stage).toBe(before);
    }
    const asked = sessionAt('identity asked');
    expect(asked.connected(0)).toEqual([]);
    expect(asked.failed(0x800759dd)).toEqual([]);
    expect(asked.paused).toBe(true);
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

  it('does not change what captured clients get', () => {
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

  it('does not matter for megabytes in one read', () => {
    const session = sessionAt('channel');
    const pdu = data('x'.repeat(60_000));
    const effects = session.receive(Buffer.concat(Array(20).fill(pdu)), 0);
    const delivered = effects.map((effect) => (effect.do === 'deliver' ? effect.bytes : Buffer.alloc(0)));
    expect(Buffer.concat(delivered).toString()).toBe('x'.repeat(20 * 60_000));
  });
});

describe('bytes of the target', () => {
  it('are wrapped in order into PDUs of 16 KiB', () => {
    const session = sessionAt('channel');
    const bytes = Buffer.alloc(3 * DATA_PAYLOAD + 5, 'abc');
    const pdus: Buffer[] = [];
    session.wrap(bytes, (pdu) => pdus.push(pdu));
    const payloads = pdus.map((pdu) => decode(pdu).fields as { data: Buffer });
    expect(payloads.map((fields) => fields.data.length)).toEqual([DATA_PAYLOAD, DATA_PAYLOAD, DATA_PAYLOAD, 5]);
    expect(Buffer.concat(payloads.map((fields) => fields.data)).equals(bytes)).toBe(true);
  });

  it('are for an open channel only', () => {
    const silent = (session: GatewaySession) =>
      session.wrap(Buffer.from('x'), () => {
        throw new Error('DATA without a channel');
      });
    for (const stage of ['start', 'open', 'identity asked', 'tunnel created', 'authorized', 'target asked'] as const) {
      silent(sessionAt(stage));
      expect(sessionAt(stage).open).toBe(false);
    }
    const closed = sessionAt('channel');
    closed.receive(close(), 0);
    silent(closed);
    const closing = sessionAt('channel');
    closing.targetEnded('end', 0);
    silent(closing);
  });
});

/** Feeds the chunks and answers every question at once with yes; the lines of all effects but the timers. */
function drive(session: GatewaySession, chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const carryOut = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      for (const line of done([effect])) {
        const joins = line.startsWith('deliver') && lines.at(-1)?.startsWith('deliver');
        if (joins) lines.push(lines.pop() + line.replace('deliver ', ''));
        else lines.push(line);
      }
      if (effect.do === 'authenticate') carryOut(session.answer({ allow: true }, 0));
      if (effect.do === 'connect') carryOut(session.connected(0));
    }
  };
  // What is received is the session's: payload is moved together in it.
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
