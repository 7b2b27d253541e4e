import { describe, expect, it } from 'vitest';
import { Counters, type Counts } from '../../../src/gateway/report/counters.js';
import { WorkerCounts } from '../../../src/serve/workers/counts.js';

const NOW = { connections: 3, handshakes: 1, loopDelay: { mean: 0.1, p50: 0.1, p99: 0.2, max: 0.3 } };

/** What a process tells that has begun so many sessions, of which so many are over. */
function counts(opened: number, ended: number): Counts {
  const counters = new Counters();
  for (let count = 0; count < opened; count++) counters.opened();
  for (let count = 0; count < ended; count++) counters.ended('client closed', { received: 10, sent: 100 });
  return counters.snapshot({ ...NOW, sessions: opened - ended });
}

describe('the tally', () => {
  it('is nothing where nobody has told anything', () => {
    expect(new WorkerCounts().total).toMatchObject({ sessions: 0, opened: 0, ended: {}, received: 0, connections: 0 });
  });

  it('adds up what each process has told last', () => {
    const tally = new WorkerCounts();
    tally.update(1, counts(1, 0));
    tally.update(1, counts(4, 2));
    tally.update(2, counts(3, 1));
    expect(tally.total).toMatchObject({
      sessions: 4,
      opened: 7,
      ended: { 'client closed': 3 },
      received: 30,
      sent: 300,
      connections: 6,
    });
  });

  it('keeps the totals of those that are gone, and nothing that has gone with them', () => {
    const tally = new WorkerCounts();
    tally.update(1, counts(5, 2));
    tally.update(2, counts(1, 1));
    tally.workerEnded(1, 3);
    expect(tally.total).toMatchObject({
      sessions: 0,
      opened: 6,
      ended: { 'client closed': 3, 'worker crashed': 3 },
      received: 30,
      connections: 3,
    });
    tally.update(1, counts(1, 0));
    expect(tally.total).toMatchObject({ sessions: 1, opened: 7, received: 30 });
  });

  it('has never seen more sessions end than begin', () => {
    const tally = new WorkerCounts();
    tally.update(1, counts(2, 1));
    // Three of them began since it was asked.
    tally.workerEnded(1, 4);
    tally.workerEnded(2, 1);
    expect(tally.total).toMatchObject({ opened: 6, ended: { 'client closed': 1, 'worker crashed': 5 } });
  });
});
