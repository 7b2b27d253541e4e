import { describe, expect, it } from 'vitest';
import { Counters, sumOf } from '../../../src/gateway/report/counters.js';

const now = { sessions: 1, connections: 3, handshakes: 2, loopDelay: { mean: 0.01, p50: 0.01, p99: 0.02, max: 0.03 } };

function countersWithValues(): Counters {
  const counters = new Counters();
  counters.opened();
  counters.opened();
  counters.ended('client closed', { received: 10, sent: 100 });
  counters.refused('user');
  counters.refused('user');
  counters.rejected('limits.connections');
  counters.evicted('limits.handshakes');
  return counters;
}

describe('counters', () => {
  it('add the traffic of open sessions to that of ended ones', () => {
    const counters = countersWithValues();
    const counts = counters.snapshot(now, [
      { received: 1, sent: 2 },
      { received: 3, sent: 4 },
    ]);
    expect(counts).toEqual({
      ...now,
      opened: 2,
      ended: { 'client closed': 1 },
      refused: { user: 2 },
      rejected: { 'limits.connections': 1 },
      evicted: { 'limits.handshakes': 1 },
      received: 14,
      sent: 106,
    });
    counters.ended('target closed', { received: 1, sent: 2 });
    expect(counts.ended).toEqual({ 'client closed': 1 });
    expect(counters.snapshot(now)).toMatchObject({ received: 11, sent: 102 });
  });

  it('of several processes are added up, also after a round trip through JSON', () => {
    const one = countersWithValues().snapshot(now);
    const counters = countersWithValues();
    counters.ended('refused', { received: 0, sent: 0 });
    const loopDelay = { mean: 0.02, p50: 0, p99: 0.5, max: 0.01 };
    const other = JSON.parse(JSON.stringify(counters.snapshot({ ...now, loopDelay })));
    expect(sumOf([one])).toEqual(one);
    expect(sumOf([one, other])).toEqual({
      sessions: 2,
      connections: 6,
      handshakes: 4,
      opened: 4,
      ended: { 'client closed': 2, refused: 1 },
      refused: { user: 4 },
      rejected: { 'limits.connections': 2 },
      evicted: { 'limits.handshakes': 2 },
      received: 20,
      sent: 200,
      loopDelay: { mean: 0.02, p50: 0.01, p99: 0.5, max: 0.03 },
    });
  });
});
