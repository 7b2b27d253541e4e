/** The end of a channel and of a session. */
import { describe, expect, it } from 'vitest';
import { decode, type GatewaySession, RESULT } from '../../src/protocol/index.js';
import { actions, packetLine, sent, shown, TIMEOUTS } from './gateway.js';
import { channelCreate, close, closeResponse, data, keepAlive } from './requests.js';
import { sessionAt } from './stages.js';
import { vector } from './vectors.js';

describe('the client closes its channel', () => {
  it('and receives the response; the tunnel stays open for another channel', () => {
    const session = sessionAt('channel');
    expect(actions(session.receive(close(), 0))).toEqual(['disconnect', 'send CLOSE_CHANNEL_RESPONSE 0x00000000']);
    expect(session.ended).toBe(false);
    expect(actions(session.receive(channelCreate(['second']), 0))).toEqual(['connect second : 3389']);
    expect(actions(session.connected(0))).toEqual(['send CHANNEL_RESPONSE 0x00000000']);
    expect(actions(session.receive(data('again'), 0))).toEqual(['deliver 616761696e']);
  });

  it('with any status code', () => {
    const session = sessionAt('channel');
    expect(actions(session.receive(vector('justrdp-close-channel'), 0))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
    ]);
  });

  it('and the end of the target has no effect after that', () => {
    const session = sessionAt('channel');
    session.receive(close(), 0);
    expect(session.targetEnded('end', 0)).toEqual([]);
    expect(session.targetEnded('reset', 0)).toEqual([]);
  });

  it('and receives exactly the bytes that FreeRDP accepts', () => {
    const session = sessionAt('channel');
    expect(sent(session.receive(close(), 0)).map((pdu) => pdu.toString('hex'))).toEqual([
      vector('fr2-read-close-channel-response').toString('hex'),
    ]);
  });
});

describe("the target's connection ends", () => {
  it.each([
    ['end', 'fr2-read-close-channel-0', 'target closed'],
    ['reset', 'fr2-read-close-channel-a0', 'target reset'],
  ] as const)('%s: CLOSE_CHANNEL as FreeRDP accepts it, and the end with its response', (how, id, cause) => {
    const session = sessionAt('channel');
    expect(sent(session.targetEnded(how, 0)).map((pdu) => pdu.toString('hex'))).toEqual([vector(id).toString('hex')]);
    expect(session.closing).toBe(cause);
    expect(actions(session.receive(vector('fr2-sent-close-channel-response'), 10))).toEqual([`end ${cause}`]);
    expect(session.ended).toBe(true);
  });

  it('after DATA that the target sent before', () => {
    const session = sessionAt('channel');
    const wire: Buffer[] = [];
    session.wrap(Buffer.from('goodbye'), (pdu) => wire.push(pdu));
    wire.push(...sent(session.targetEnded('end', 0)));
    expect(wire.map((pdu) => packetLine(decode(pdu)))).toEqual(['DATA 676f6f64627965', 'CLOSE_CHANNEL 0x00000000']);
  });

  it('and DATA that the client sent before its response is dropped', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(actions(session.receive(data('late'), 0))).toEqual([]);
    expect(session.ended).toBe(false);
  });

  it('and DATA that FreeRDP 3 sends after its response is ignored', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    const both = Buffer.concat([closeResponse(), vector('fr3-sent-data-after-close-channel-response')]);
    expect(actions(session.receive(both, 0))).toEqual(['end target closed']);
  });

  it('and a client without a response is disconnected after the close timeout', () => {
    const session = sessionAt('channel');
    expect(shown(session.targetEnded('end', 1_000))).toEqual(['send CLOSE_CHANNEL 0x00000000', 'timer 6000']);
    expect(actions(session.tick(5_999))).toEqual([]);
    expect(actions(session.tick(6_000))).toEqual(['end target closed']);
  });

  it('without an effect the second time, or without a channel', () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(session.targetEnded('reset', 0)).toEqual([]);
    expect(sessionAt('authorized').targetEnded('end', 0)).toEqual([]);
    expect(sessionAt('target pending').targetEnded('reset', 0)).toEqual([]);
  });
});

describe('both sides close at the same time', () => {
  it("and the gateway answers the client's CLOSE_CHANNEL", () => {
    const session = sessionAt('channel');
    session.targetEnded('end', 0);
    expect(actions(session.receive(close(), 0)).slice(0, 2)).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
    ]);
    expectEnded(session);
  });

  it('and a late CLOSE_CHANNEL_RESPONSE is ignored', () => {
    const session = sessionAt('authorized');
    expect(actions(session.receive(closeResponse(), 0))).toEqual([]);
    expect(actions(session.receive(channelCreate(), 0))).toEqual(['connect desktop.example : 3389']);
  });
});

describe('the gateway closes the session', () => {
  const abort = (session: GatewaySession, now = 0) =>
    session.close(RESULT.ERROR_CONNECTION_ABORTED, 'closed by the gateway', now);

  it('with CLOSE_CHANNEL 0x4D4, as FreeRDP accepts it, if a channel is open', () => {
    const session = sessionAt('channel');
    expect(sent(abort(session)).map((pdu) => pdu.toString('hex'))).toEqual([
      vector('fr2-read-close-channel-4d4').toString('hex'),
    ]);
    expect(session.ended).toBe(false);
    expect(actions(session.receive(closeResponse(), 0))).toEqual(['end closed by the gateway']);
  });

  it('and answers a CLOSE_CHANNEL of the client meanwhile', () => {
    const session = sessionAt('channel');
    abort(session);
    expect(actions(session.receive(close(), 0))).toEqual([
      'disconnect',
      'send CLOSE_CHANNEL_RESPONSE 0x00000000',
      'end closed by the gateway',
    ]);
  });

  it('and disconnects a client without a response after the close timeout', () => {
    const session = sessionAt('channel');
    abort(session, 100);
    expect(actions(session.receive(keepAlive(), 200))).toEqual([]);
    expect(actions(session.tick(100 + TIMEOUTS.close))).toEqual(['end closed by the gateway']);
  });

  it('a second time, and it ends at once', () => {
    const session = sessionAt('channel');
    abort(session);
    expect(actions(abort(session))).toEqual(['end closed by the gateway 0x000004D4']);
  });

  it('at once without a channel, after the pending response if there is one', () => {
    const responses = {
      start: [],
      open: [],
      'identity pending': ['send TUNNEL_RESPONSE 0x800759D8'],
      'tunnel created': [],
      authorized: [],
      'target pending': ['send CHANNEL_RESPONSE 0x800759D8'],
    } as const;
    for (const [stage, response] of Object.entries(responses)) {
      expect(actions(abort(sessionAt(stage as keyof typeof responses))), stage).toEqual([
        ...response,
        'end closed by the gateway 0x000004D4',
      ]);
    }
  });
});

function expectEnded(session: GatewaySession): void {
  expect(session.ended).toBe(true);
  expect(session.receive(data('x'), 0)).toEqual([]);
}
