import { describe, expect, it } from 'vitest';
import { Counters, type Counts } from '../../../src/gateway/report/counters.js';
import { WorkerCounts } from '../../../src/serve/workers/counts.js';

const NOW = { connections: 3, handshakes: 1, loopDelay: { mean: 0.1, p50: 0.1, p99: 0.2, max: 0.3 } };

/** The counts of a worker that opened so many sessions, of which so many have ended. */
function counts(opened: number, ended: number): Counts {
  const counters = new Counters();
  for (let count = 0; count < opened; count++) counters.opened();
  for (let count = 0; count < ended; count++) counters.ended('client closed', { received: 10, sent: 100 });
  return counters.snapshot({ ...NOW, sessions: opened - ended });
}

describe('WorkerCounts', () => {
  it('is zero before any report', () => {
    expect(new WorkerCounts().total).toMatchObject({ sessions: 0, opened: 0, ended: {}, received: 0, connections: 0 });
  });

  it('adds up the latest report of each worker', () => {
    const workerCounts = new WorkerCounts();
    workerCounts.update(1, counts(1, 0));
    workerCounts.update(1, counts(4, 2));
    workerCounts.update(2, counts(3, 1));
    expect(workerCounts.total).toMatchObject({
      sessions: 4,
      opened: 7,
      ended: { 'client closed': 3 },
      received: 30,
      sent: 300,
      connections: 6,
    });
  });

  it('keeps the totals of workers that have ended, but not their current values', () => {
    const workerCounts = new WorkerCounts();
    workerCounts.update(1, counts(5, 2));
    workerCounts.update(2, counts(1, 1));
    workerCounts.workerEnded(1, 3);
    expect(workerCounts.total).toMatchObject({
      sessions: 0,
      opened: 6,
      ended: { 'client closed': 3, 'worker crashed': 3 },
      received: 30,
      connections: 3,
    });
    workerCounts.update(1, counts(1, 0));
    expect(workerCounts.total).toMatchObject({ sessions: 1, opened: 7, received: 30 });
  });

  it('never counts more ended than opened sessions', () => {
    const workerCounts = new WorkerCounts();
    workerCounts.update(1, counts(2, 1));
    // Three of them were opened since its last report.
    workerCounts.workerEnded(1, 4);
    workerCounts.workerEnded(2, 1);
    expect(workerCounts.total).toMatchObject({ opened: 6, ended: { 'client closed': 1, 'worker crashed': 5 } });
  });
});
