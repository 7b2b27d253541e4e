import { describe, expect, it } from 'vitest';
import type { Right } from '../../../src/gateway/settings/access-decisions.js';
import {
  type LossOf,
  PENDING_MAX,
  type Revocable,
  revokeLost,
  TURN_MS,
} from '../../../src/gateway/tunnel/revocation.js';
import type { Identity } from '../../../src/policy/types.js';

const IDENTITY: Identity = {
  user: 'alice',
  groups: [],
  targets: undefined,
  local: true,
  until: undefined,
  method: 'any',
  clientName: undefined,
};
const newRight = (): Right => ({ grant: { identity: IDENTITY, credential: { mode: 'any' } }, channel: undefined });

interface Session extends Revocable {
  right: Right | undefined;
  readonly reasons: string[];
}
function newSession(right: Right | undefined = newRight()): Session {
  const reasons: string[] = [];
  return { right, reasons, revoke: (reason) => void reasons.push(reason) };
}
const sessionsOf = (count: number): Session[] => Array.from({ length: count }, () => newSession());
const revokedOf = (sessions: readonly Session[]): Session[] => sessions.filter(({ reasons }) => reasons.length > 0);

const never = new AbortController().signal;
const LOST = { reason: 'gone' };
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A clock on which each call of `work` takes `ms`, with the longest time of work in one turn of the event loop. */
function working(ms: number) {
  const state = { time: 0, longest: 0 };
  let started: number | undefined;
  const work = (): void => {
    if (started === undefined) {
      started = state.time;
      // The work that follows in a later turn is scheduled after this.
      setImmediate(() => {
        started = undefined;
      });
    }
    state.time += ms;
    state.longest = Math.max(state.longest, state.time - started);
  };
  return { state, work, clock: () => state.time };
}

describe('revokeLost', () => {
  it('ends each session that has lost its right once, and no other', async () => {
    const sessions = sessionsOf(100);
    const lost = new Set(sessions.filter((_, index) => index % 3 === 0).map(({ right }) => right));
    await revokeLost(sessions, async (right) => (lost.has(right) ? LOST : undefined), never);
    expect(sessions.map(({ reasons }) => reasons)).toEqual(
      sessions.map((_, index) => (index % 3 === 0 ? ['gone'] : [])),
    );
  });

  it('does not ask about a session that has nothing to lose', async () => {
    const sessions = [newSession(), newSession()];
    (sessions[0] as Session).right = undefined;
    const asked: Right[] = [];
    const lossOf: LossOf = async (right) => {
      asked.push(right);
      return LOST;
    };
    await revokeLost(sessions, lossOf, never);
    expect(asked).toEqual([sessions[1]?.right]);
    expect(sessions.map(({ reasons }) => reasons)).toEqual([[], ['gone']]);
  });

  it('does not end a session that got another right while the answer was on its way', async () => {
    const session = newSession();
    const lossOf: LossOf = async () => {
      await turn();
      session.right = newRight();
      return LOST;
    };
    await revokeLost([session], lossOf, never);
    expect(session.reasons).toEqual([]);
  });

  it('asks about sessions that end meanwhile only as long as they have a right', async () => {
    const sessions = new Set(sessionsOf(3));
    const lossOf: LossOf = async () => {
      for (const session of sessions) session.right = undefined;
      sessions.clear();
      return LOST;
    };
    const all = [...sessions];
    await revokeLost(sessions, lossOf, never);
    expect(revokedOf(all)).toEqual([]);
  });

  /** Sessions whose end is work. */
  const workingSessions = (count: number, work: () => void): Session[] =>
    sessionsOf(count).map((session) => ({
      ...session,
      revoke(reason) {
        work();
        session.revoke(reason);
      },
    }));

  it('works for at most TURN_MS in each turn of the event loop', async () => {
    const { state, work, clock } = working(TURN_MS / 4);
    const sessions = workingSessions(500, work);
    const lossOf: LossOf = async () => {
      work();
      return LOST;
    };
    await revokeLost(sessions, lossOf, never, clock);
    expect(revokedOf(sessions)).toHaveLength(500);
    expect(state.longest).toBe(TURN_MS);
  });

  it('works for at most TURN_MS in each turn when many answers arrive together', async () => {
    const { state, work, clock } = working(TURN_MS / 4);
    const sessions = workingSessions(50, work);
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let asked = 0;
    const lossOf: LossOf = async () => {
      asked++;
      await answered;
      return LOST;
    };
    const done = revokeLost(sessions, lossOf, never, clock);
    while (asked < 50) await turn();
    // Until nothing is scheduled any more.
    for (let count = 0; count < 3; count++) await turn();
    answer();
    await done;
    expect(revokedOf(sessions)).toHaveLength(50);
    expect(state.longest).toBe(TURN_MS);
  });

  it('has at most PENDING_MAX questions open, and asks the next one when one is answered', async () => {
    const answers: (() => void)[] = [];
    const lossOf: LossOf = () => new Promise((resolve) => void answers.push(() => resolve(undefined)));
    const done = revokeLost(sessionsOf(PENDING_MAX + 2), lossOf, never, () => 0);
    while (answers.length < PENDING_MAX) await turn();
    for (let count = 0; count < 10; count++) await turn();
    expect(answers).toHaveLength(PENDING_MAX);
    answers[7]?.();
    while (answers.length < PENDING_MAX + 1) await turn();
    for (let count = 0; count < 10; count++) await turn();
    expect(answers).toHaveLength(PENDING_MAX + 1);
    for (const answer of answers) answer();
    while (answers.length < PENDING_MAX + 2) await turn();
    answers.at(-1)?.();
    await done;
  });

  it('asks about and ends no session after an abort', async () => {
    const controller = new AbortController();
    const sessions = sessionsOf(3);
    let asked = 0;
    const lossOf: LossOf = async () => {
      asked++;
      await turn();
      controller.abort();
      return LOST;
    };
    await revokeLost(sessions, lossOf, controller.signal);
    expect(asked).toBeLessThan(3);
    expect(revokedOf(sessions)).toEqual([]);
  });
});
