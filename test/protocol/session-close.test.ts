/** How a channel and a session end. */
import { describe, expect, it } from 'vitest';
import { decode, type GatewaySession, RESULT } from '../../src/protocol/index.js';
import { done, packetLine, sent, shown, TIMEOUTS } from './gateway.js';
import { channelCreate, close, closeResponse, data, keepAlive } from './requests.js';
import { sessionAt } from './stages.js';
import { vector } from './vectors.js';

describe('the client closes its channel', () => {
  it('gets its answer, and the tunnel stays for another one', () => {
    const session = sessionAt('channel');
    expect(done(session.receive(close(), 0))).toEqual(['disconnect', 'send CLOSE_CHANNEL_RESPONSE 0x00000000']);
    expect(session.ended).toBe(false);
    expect(done(session.receive(channelCreate(['second']), 0))).toEqual(['connect second : 3389']);
    expect(done(session.connected(0))).toEqual(['send CHANNEL_RESPONSE 0x00000000']);
    expect(done(session.receive(data('again'), 0))).toEqual(['deliver 616761696e']);
  });

  it('with any code of its own', () => {
    const session = sessionAt('channel');
    expect(done(session.receive(vector('justrdp-close-channel'), 0))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
    ]);
  });

  it('the end of the target says nothing more after that', () => {
    const session = sessionAt('channel');
    session.receive(close(), 0);
    expect(session.targetEnded('end', 0)).toEqual([]);
    expect(session.targetEnded('reset', 0)).toEqual([]);
  });

  it('the answer is byte for byte the one that FreeRDP reads', () => {
    const session = sessionAt('channel');
    expect(sent(session.receive(close(), 0)).map((pdu) => pdu.toString('hex'))).toEqual([
      vector('fr2-read-close-channel-response').toString('hex'),
    ]);
  });
});

describe('the target ends', () => {
  it.each([
    ['end', 'fr2-read-close-channel-0', 'target closed'],
    ['reset', 'fr2-read-close-channel-a0', 'target reset'],
  ] as const)('%s: CLOSE_CHANNEL as FreeRDP reads it, and the end with its answer', (how, id, cause) => {
    const session = sessionAt('channel');
    expect(sent(session.targetEnded(how, 0)).map((pdu) => pdu.toString('hex'))).toEqual([vector(id).toString('hex')]);
    expect(session.closing).toBe(cause);
    expect(done(session.receive(vector('fr2-sent-close-channel-response'), 10))).toEqual([`end ${cause}`]);
    expect(session.ended).toBe(true);
  });

  it('what it sent before goes out first', () => {
    const session = sessionAt('channel');
    const wire: Buffer[] = [];
    session.wrap(Buffer.from('goodbye'), (pdu) => wire.push(pdu));
    wire.push(...sent(session.targetEnded('end', 0)));
    expect(wire.map((pdu) => packetLine(decode(pdu)))).toEqual(['DATA 676f6f64627965', 'CLOSE_CHANNEL 0x00000000']);
  });

  it('DATA that was under way is dropped', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(done(session.receive(data('late'), 0))).toEqual([]);
    expect(session.ended).toBe(false);
  });

  it('what FreeRDP 3 still sends behind its answer meets a closed session', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    const both = Buffer.concat([closeResponse(), vector('fr3-sent-data-after-close-channel-response')]);
    expect(done(session.receive(both, 0))).toEqual(['end target closed']);
  });

  it('a client that never answers is left after the close timeout', () => {
    const session = sessionAt('channel');
    expect(shown(session.targetEnded('end', 1_000))).toEqual(['send CLOSE_CHANNEL 0x00000000', 'wake 6000']);
    expect(done(session.tick(5_999))).toEqual([]);
    expect(done(session.tick(6_000))).toEqual(['end target closed']);
  });

  it('twice, or before there is a channel, is nothing', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(session.targetEnded('reset', 0)).toEqual([]);
    expect(sessionAt('authorized').targetEnded('end', 0)).toEqual([]);
    expect(sessionAt('target asked').targetEnded('reset', 0)).toEqual([]);
  });
});

describe('both sides close at the same time', () => {
  it('the client wins: its close is answered', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(done(session.receive(close(), 0)).slice(0, 2)).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
    ]);
    expectEnded(session);
  });

  it('a late CLOSE_CHANNEL_RESPONSE without a close is forgiven', () => {
    const session = sessionAt('authorized');
    expect(done(session.receive(closeResponse(), 0))).toEqual([]);
    expect(done(session.receive(channelCreate(), 0))).toEqual(['connect desktop.example : 3389']);
  });
});

describe('the gateway drains', () => {
  const abort = (session: GatewaySession, now = 0) =>
    session.close(RESULT.ERROR_CONNECTION_ABORTED, 'closed by the gateway', now);

  it('an open channel is closed with 0x4D4, as FreeRDP reads it', () => {
    const session = sessionAt('channel');
    expect(sent(abort(session)).map((pdu) => pdu.toString('hex'))).toEqual([
      vector('fr2-read-close-channel-4d4').toString('hex'),
    ]);
    expect(session.ended).toBe(false);
    expect(done(session.receive(closeResponse(), 0))).toEqual(['end closed by the gateway']);
  });

  it('a client that closes meanwhile is answered', () => {
    const session = sessionAt('channel');
    abort(session);
    expect(done(session.receive(close(), 0))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
      'end closed by the gateway',
    ]);
  });

  it('a client that does not answer is left after the close timeout', () => {
    const session = sessionAt('channel');
    abort(session, 100);
    expect(done(session.receive(keepAlive(), 200))).toEqual([]);
    expect(done(session.tick(100 + TIMEOUTS.close))).toEqual(['end closed by the gateway']);
  });

  it('a second time ends at once', () => {
    const session = sessionAt('channel');
    abort(session);
    expect(done(abort(session))).toEqual(['end closed by the gateway 0x000004D4']);
  });

  it('without a channel the session ends at once, and a client that waits for an answer gets one', () => {
    const answers = {
      start: [],
      open: [],
      'identity asked': ['send TUNNEL_RESPONSE 0x800759D8'],
      'tunnel created': [],
      authorized: [],
      'target asked': ['send CHANNEL_RESPONSE 0x800759D8'],
    } as const;
    for (const [stage, answer] of Object.entries(answers)) {
      expect(done(abort(sessionAt(stage as keyof typeof answers))), stage).toEqual([
        ...answer,
        'end closed by the gateway 0x000004D4',
      ]);
    }
  });
});

function expectEnded(session: GatewaySession): void {
  expect(session.ended).toBe(true);
  expect(session.receive(data('x'), 0)).toEqual([]);
}
