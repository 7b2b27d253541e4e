/** Deadlines: `timer` names them, `tick` meets them, and nothing else moves the clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Effect, GatewaySession } from '../../src/protocol/index.js';
import { done, gatewaySession, shown, TIMEOUTS } from './gateway.js';
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
import { STAGES, sessionAt } from './stages.js';

describe('the set-up', () => {
  it('must be over in time, and whoever waits for an answer gets one', () => {
    const answers: Record<string, string[]> = {
      'identity asked': ['send TUNNEL_RESPONSE 0x800759D8'],
      'target asked': ['send CHANNEL_RESPONSE 0x800759D8'],
    };
    for (const stage of STAGES.filter((name) => name !== 'channel')) {
      const session = sessionAt(stage);
      expect(done(session.tick(TIMEOUTS.setup - 1)), stage).toEqual([]);
      expect(done(session.tick(TIMEOUTS.setup)), stage).toEqual([...(answers[stage] ?? []), 'end set-up timeout']);
    }
  });

  it('is not prolonged by keep-alives or progress', () => {
    const session = gatewaySession();
    session.receive(handshake(), 1_000);
    session.receive(keepAlive(), TIMEOUTS.setup - 1);
    expect(done(session.tick(TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });

  it('is over with the channel', () => {
    const session = sessionAt('channel');
    expect(done(session.tick(TIMEOUTS.setup))).toEqual(['send KEEPALIVE']);
  });

  it('begins again when the client closed its channel', () => {
    const session = sessionAt('channel');
    expect(shown(session.receive(close(), 1_000_000)).at(-1)).toBe(`wake ${1_000_000 + TIMEOUTS.setup}`);
    expect(done(session.tick(1_000_000 + TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });
});

describe('the identity', () => {
  const timeouts = { ...TIMEOUTS, identity: 15_000 };

  it('is due soon, however much a stranger has to say', () => {
    const session = gatewaySession({ timeouts });
    expect(shown(session.start())).toEqual(['wake 15000']);
    session.receive(handshake(), 1_000);
    session.receive(keepAlive(), 14_000);
    expect(done(session.tick(14_999))).toEqual([]);
    expect(done(session.tick(15_000))).toEqual(['end identity timeout']);
  });

  it('is due no more with the token: the decision and what follows it take the time of the set-up', () => {
    const session = gatewaySession({ timeouts });
    session.receive(handshake(), 1_000);
    expect(shown(session.receive(tunnelCreate(), 2_000))).toContain('wake 120000');
    expect(done(session.tick(15_000))).toEqual([]);
    session.answer({ allow: true }, 16_000);
    expect(done(session.tick(TIMEOUTS.setup - 1))).toEqual([]);
  });
});

describe('keep-alives', () => {
  it('none before CHANNEL_RESPONSE, whatever the time', () => {
    for (const stage of STAGES.filter((name) => name !== 'channel')) {
      const session = sessionAt(stage, { timeouts: { ...TIMEOUTS, identity: 1e9, setup: 1e9 } });
      for (let now = 0; now < 10 * TIMEOUTS.keepAlive; now += TIMEOUTS.keepAlive) {
        expect(done(session.tick(now)), stage).toEqual([]);
      }
    }
  });

  it('one in each interval, none in answer, none after a close', () => {
    const session = sessionAt('channel', {}, 1_000);
    expect(done(session.tick(30_999))).toEqual([]);
    expect(done(session.tick(31_000))).toEqual(['send KEEPALIVE']);
    expect(done(session.receive(keepAlive(), 31_001))).toEqual([]);
    expect(done(session.tick(31_002))).toEqual([]);
    expect(done(session.receive(data('busy'), 60_000))).toEqual(['deliver 62757379']);
    expect(done(session.tick(61_000))).toEqual(['send KEEPALIVE']);
    session.receive(close(), 62_000);
    expect(done(session.tick(91_000))).toEqual([]);
  });

  it('start anew with the next channel', () => {
    const session = sessionAt('channel');
    session.receive(close(), 10_000);
    session.receive(channelCreate(), 20_000);
    session.connected(25_000);
    expect(done(session.tick(30_000))).toEqual([]);
    expect(done(session.tick(55_000))).toEqual(['send KEEPALIVE']);
  });

  it('a late tick sends one, not all that were missed', () => {
    const session = sessionAt('channel');
    expect(shown(session.tick(1_000_000))).toEqual(['send KEEPALIVE', `wake ${1_000_000 + TIMEOUTS.keepAlive}`]);
  });
});

describe('the time that an identity is worth', () => {
  const until = 50_000;

  function allowed(capsFlags: number): GatewaySession {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate('secret', capsFlags)]), 0);
    session.answer({ allow: true, until }, 0);
    session.receive(Buffer.concat([tunnelAuth(), channelCreate()]), 0);
    session.connected(0);
    return session;
  }

  it('closes the channel with 0x59F6 for a client that knows session timers', () => {
    const session = allowed(0x3f);
    session.tick(30_000);
    expect(done(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000059F6']);
    expect(done(session.receive(closeResponse(), until))).toEqual(['end session time over']);
  });

  it('and with 0x4D4 for one that does not', () => {
    const session = allowed(0x0d);
    expect(done(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000004D4']);
    expect(done(session.tick(until + TIMEOUTS.close))).toEqual(['end session time over']);
  });

  it('ends a tunnel without a channel', () => {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate()]), 0);
    session.answer({ allow: true, until }, 0);
    expect(done(session.tick(until))).toEqual(['end session time over 0x000004D4']);
  });

  it('is over at once when it was over before', () => {
    const session = sessionAt('identity asked', {}, 1_000);
    expect(shown(session.answer({ allow: true, until: 500 }, 1_000))).toEqual([
      'send TUNNEL_RESPONSE 0x00000000',
      'wake 500',
    ]);
    expect(done(session.tick(1_000))).toEqual(['end session time over 0x000004D4']);
  });

  it('outlives a channel: the next one ends with it too', () => {
    const session = allowed(0x0d);
    session.receive(Buffer.concat([close(), channelCreate()]), 10_000);
    session.connected(20_000);
    expect(done(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000004D4']);
  });
});

describe('timer', () => {
  it('is named only when it changes, and cleared before the end, after which there is nothing', () => {
    const session = gatewaySession();
    expect(shown(session.start())).toEqual(['wake 120000']);
    expect(shown(session.receive(keepAlive(), 1))).toEqual([]);
    expect(shown(session.receive(data('too early'), 2))).toEqual(['wake undefined', 'end protocol error']);
    expect(shown(session.tick(120_000))).toEqual([]);
  });

  it('is not cleared by the tick that ends the session: that timer has gone off', () => {
    const session = gatewaySession();
    session.start();
    expect(shown(session.tick(TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });

  it('a driver that ticks only when it was told to sees what one that always ticks sees', () => {
    const seen = { KEEPALIVE: 0, CLOSE_CHANNEL: 0, 'session time over': 0, 'set-up timeout': 0 };
    fc.assert(
      fc.property(script, (events) => {
        const patient = run(events, 'when told');
        expect(patient).toEqual(run(events, 'always'));
        for (const what of Object.keys(seen) as (keyof typeof seen)[]) {
          if (patient.some((line) => line.includes(what))) seen[what]++;
        }
      }),
      { numRuns: 400 },
    );
    // Scripts that never reach a deadline would prove nothing.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(3);
  });

  it('nothing comes after the end', () => {
    fc.assert(
      fc.property(script, (events) => {
        const lines = run(events, 'when told', { timers: true });
        const end = lines.findIndex((line) => line.includes(' end '));
        expect(lines.slice(end === -1 ? lines.length : end + 1)).toEqual([]);
      }),
    );
  });
});

type Step = (session: GatewaySession, now: number) => readonly Effect[];

const allow = (lasts?: number): Step => {
  return (session, now) => session.answer({ allow: true, ...(lasts === undefined ? {} : { until: now + lasts }) }, now);
};

/** The honest way to a channel; a script goes some of it, and then something else happens. */
const OPENING: readonly Step[] = [
  (session, now) => session.receive(Buffer.concat([handshake(), tunnelCreate('t', 0x3f)]), now),
  allow(),
  (session, now) => session.receive(Buffer.concat([tunnelAuth(), channelCreate()]), now),
  (session, now) => session.connected(now),
];

const LATER: readonly Step[] = [
  (session, now) => session.receive(keepAlive(), now),
  (session, now) => session.receive(Buffer.concat([close(), channelCreate()]), now),
  (session, now) => session.receive(close(), now),
  (session, now) => session.receive(closeResponse(), now),
  (session, now) => session.connected(now),
  (session, now) => session.targetEnded('end', now),
  (session, now) => session.tick(now),
];

/** Steps, each with its delay in tens of milliseconds. */
const script = fc
  .tuple(
    fc.integer({ min: 1, max: OPENING.length }),
    fc.option(fc.integer({ min: 5, max: 60 }), { nil: undefined }),
    fc.array(fc.nat({ max: 12 }), { minLength: OPENING.length, maxLength: OPENING.length }),
    fc.array(fc.tuple(fc.constantFrom(...LATER), fc.nat({ max: 12 })), { maxLength: 12 }),
  )
  .map(([length, lasts, delays, later]) => {
    const opening = OPENING.slice(0, length).map((step, index) => {
      return [index === 1 ? allow(lasts && lasts * 10) : step, delays[index] as number] as const;
    });
    return [...opening, ...later];
  });

/** Times short enough that a script passes several of them. */
const SHORT = { identity: 300, setup: 400, keepAlive: 60, close: 90 };

/** The effects, without `timer` unless asked for, each with its time. All deadlines fall on the steps of ten milliseconds. */
function run(
  events: readonly (readonly [Step, number])[],
  ticks: 'when told' | 'always',
  { timers = false } = {},
): string[] {
  const session = gatewaySession({ timeouts: SHORT });
  const lines: string[] = [];
  let wake: number | undefined;
  let now = 0;
  const take = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.do === 'timer') wake = effect.at;
      if (effect.do !== 'timer' || timers) lines.push(`${now} ${shown([effect])[0]}`);
    }
  };
  const pass = (to: number): void => {
    for (; now <= to; now += 10) {
      if (ticks === 'always') take(session.tick(now));
      while (ticks === 'when told' && wake !== undefined && wake <= now) {
        wake = undefined;
        take(session.tick(now));
      }
    }
    now = to;
  };
  take(session.start());
  for (const [step, delay] of events) {
    pass(now + 10 * delay);
    take(step(session, now));
  }
  pass(now + 2_000);
  return lines;
}
