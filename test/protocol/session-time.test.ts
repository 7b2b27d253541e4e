/** Deadlines of a session: the `timer` effect announces them, and `tick` handles them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Effect, GatewaySession } from '../../src/protocol/index.js';
import { actions, gatewaySession, shown, TIMEOUTS } from './gateway.js';
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

describe('the set-up timeout', () => {
  it('ends the session, after the pending response if there is one', () => {
    const answers: Record<string, string[]> = {
      'identity pending': ['send TUNNEL_RESPONSE 0x800759D8'],
      'target pending': ['send CHANNEL_RESPONSE 0x800759D8'],
    };
    for (const stage of STAGES.filter((name) => name !== 'channel')) {
      const session = sessionAt(stage);
      expect(actions(session.tick(TIMEOUTS.setup - 1)), stage).toEqual([]);
      expect(actions(session.tick(TIMEOUTS.setup)), stage).toEqual([...(answers[stage] ?? []), 'end set-up timeout']);
    }
  });

  it('is not extended by KEEPALIVE or progress', () => {
    const session = gatewaySession();
    session.receive(handshake(), 1_000);
    session.receive(keepAlive(), TIMEOUTS.setup - 1);
    expect(actions(session.tick(TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });

  it('does not apply to an open channel', () => {
    const session = sessionAt('channel');
    expect(actions(session.tick(TIMEOUTS.setup))).toEqual(['send KEEPALIVE']);
  });

  it('starts again when the client closes its channel', () => {
    const session = sessionAt('channel');
    expect(shown(session.receive(close(), 1_000_000)).at(-1)).toBe(`timer ${1_000_000 + TIMEOUTS.setup}`);
    expect(actions(session.tick(1_000_000 + TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });
});

describe('the identity timeout', () => {
  const timeouts = { ...TIMEOUTS, identity: 15_000 };

  it('ends a session without a token and is not extended by other PDUs', () => {
    const session = gatewaySession({ timeouts });
    expect(shown(session.start())).toEqual(['timer 15000']);
    session.receive(handshake(), 1_000);
    session.receive(keepAlive(), 14_000);
    expect(actions(session.tick(14_999))).toEqual([]);
    expect(actions(session.tick(15_000))).toEqual(['end identity timeout']);
  });

  it('is cleared by the token; the set-up timeout covers the rest', () => {
    const session = gatewaySession({ timeouts });
    session.receive(handshake(), 1_000);
    expect(shown(session.receive(tunnelCreate(), 2_000))).toContain('timer 120000');
    expect(actions(session.tick(15_000))).toEqual([]);
    session.answer({ allow: true }, 16_000);
    expect(actions(session.tick(TIMEOUTS.setup - 1))).toEqual([]);
  });
});

describe('KEEPALIVE', () => {
  it('is not sent before CHANNEL_RESPONSE', () => {
    for (const stage of STAGES.filter((name) => name !== 'channel')) {
      const session = sessionAt(stage, { timeouts: { ...TIMEOUTS, identity: 1e9, setup: 1e9 } });
      for (let now = 0; now < 10 * TIMEOUTS.keepAlive; now += TIMEOUTS.keepAlive) {
        expect(actions(session.tick(now)), stage).toEqual([]);
      }
    }
  });

  it('is sent once per interval, never as a response, and not after a close', () => {
    const session = sessionAt('channel', {}, 1_000);
    expect(actions(session.tick(30_999))).toEqual([]);
    expect(actions(session.tick(31_000))).toEqual(['send KEEPALIVE']);
    expect(actions(session.receive(keepAlive(), 31_001))).toEqual([]);
    expect(actions(session.tick(31_002))).toEqual([]);
    expect(actions(session.receive(data('busy'), 60_000))).toEqual(['deliver 62757379']);
    expect(actions(session.tick(61_000))).toEqual(['send KEEPALIVE']);
    session.receive(close(), 62_000);
    expect(actions(session.tick(91_000))).toEqual([]);
  });

  it('starts again with the next channel', () => {
    const session = sessionAt('channel');
    session.receive(close(), 10_000);
    session.receive(channelCreate(), 20_000);
    session.connected(25_000);
    expect(actions(session.tick(30_000))).toEqual([]);
    expect(actions(session.tick(55_000))).toEqual(['send KEEPALIVE']);
  });

  it('is sent only once after a late tick', () => {
    const session = sessionAt('channel');
    expect(shown(session.tick(1_000_000))).toEqual(['send KEEPALIVE', `timer ${1_000_000 + TIMEOUTS.keepAlive}`]);
  });
});

describe('the end of the session time', () => {
  const until = 50_000;

  function allowed(capsFlags: number): GatewaySession {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate('secret', capsFlags)]), 0);
    session.answer({ allow: true, until }, 0);
    session.receive(Buffer.concat([tunnelAuth(), channelCreate()]), 0);
    session.connected(0);
    return session;
  }

  it('closes the channel with 0x59F6 if the client supports idle timeouts', () => {
    const session = allowed(0x3f);
    session.tick(30_000);
    expect(actions(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000059F6']);
    expect(actions(session.receive(closeResponse(), until))).toEqual(['end session time over']);
  });

  it('closes the channel with 0x4D4 if the client does not', () => {
    const session = allowed(0x0d);
    expect(actions(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000004D4']);
    expect(actions(session.tick(until + TIMEOUTS.close))).toEqual(['end session time over']);
  });

  it('ends a tunnel without a channel', () => {
    const session = gatewaySession();
    session.receive(Buffer.concat([handshake(), tunnelCreate()]), 0);
    session.answer({ allow: true, until }, 0);
    expect(actions(session.tick(until))).toEqual(['end session time over 0x000004D4']);
  });

  it('ends the session at the next tick if it has already passed', () => {
    const session = sessionAt('identity pending', {}, 1_000);
    expect(shown(session.answer({ allow: true, until: 500 }, 1_000))).toEqual([
      'send TUNNEL_RESPONSE 0x00000000',
      'timer 500',
    ]);
    expect(actions(session.tick(1_000))).toEqual(['end session time over 0x000004D4']);
  });

  it('applies to later channels of the tunnel too', () => {
    const session = allowed(0x0d);
    session.receive(Buffer.concat([close(), channelCreate()]), 10_000);
    session.connected(20_000);
    expect(actions(session.tick(until))).toEqual(['send CLOSE_CHANNEL 0x000004D4']);
  });
});

describe('the timer effect', () => {
  it('is returned only when the time changes, and cleared before the end', () => {
    const session = gatewaySession();
    expect(shown(session.start())).toEqual(['timer 120000']);
    expect(shown(session.receive(keepAlive(), 1))).toEqual([]);
    expect(shown(session.receive(data('too early'), 2))).toEqual(['timer undefined', 'end protocol error']);
    expect(shown(session.tick(120_000))).toEqual([]);
  });

  it('is not cleared by the tick that ends the session, because that timer has expired', () => {
    const session = gatewaySession();
    session.start();
    expect(shown(session.tick(TIMEOUTS.setup))).toEqual(['end set-up timeout']);
  });

  it('is sufficient: a driver that ticks only then gets the effects of one that ticks always', () => {
    const seen = { KEEPALIVE: 0, CLOSE_CHANNEL: 0, 'session time over': 0, 'set-up timeout': 0 };
    fc.assert(
      fc.property(script, (events) => {
        const lines = run(events, 'on timer');
        expect(lines).toEqual(run(events, 'always'));
        for (const what of Object.keys(seen) as (keyof typeof seen)[]) {
          if (lines.some((line) => line.includes(what))) seen[what]++;
        }
      }),
      { numRuns: 400 },
    );
    // The property must not hold only because no script reaches a deadline.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(3);
  });

  it('is not returned after the end, nor is any other effect', () => {
    fc.assert(
      fc.property(script, (events) => {
        const lines = run(events, 'on timer', { timers: true });
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

/** The regular steps to a channel. A script does some of them, followed by other steps. */
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

/** Steps, each with its delay in units of 10 ms. */
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

/** Timeouts short enough that a script reaches several of them. */
const SHORT = { identity: 300, setup: 400, keepAlive: 60, close: 90 };

/** The effects with their times, including `timer` only with `timers`. All deadlines are multiples of 10 ms. */
function run(
  events: readonly (readonly [Step, number])[],
  ticks: 'on timer' | 'always',
  { timers = false } = {},
): string[] {
  const session = gatewaySession({ timeouts: SHORT });
  const lines: string[] = [];
  let timer: number | undefined;
  let now = 0;
  const record = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.do === 'timer') timer = effect.at;
      if (effect.do !== 'timer' || timers) lines.push(`${now} ${shown([effect])[0]}`);
    }
  };
  const advance = (to: number): void => {
    for (; now <= to; now += 10) {
      if (ticks === 'always') record(session.tick(now));
      while (ticks === 'on timer' && timer !== undefined && timer <= now) {
        timer = undefined;
        record(session.tick(now));
      }
    }
    now = to;
  };
  record(session.start());
  for (const [step, delay] of events) {
    advance(now + 10 * delay);
    record(step(session, now));
  }
  advance(now + 2_000);
  return lines;
}
