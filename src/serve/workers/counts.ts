/**
 * The counts of a gateway with several workers: the latest report of each worker, and the last one of each that has
 * ended.
 */
import { Counters, type Counts, sumOf } from '../../gateway/report/counters.js';

/** The current values of a worker that has ended. Only its totals remain. */
const NO_GAUGES = { sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } };
/** The cause of end of sessions whose worker crashed and could not report one. */
const CRASH_CAUSE = 'worker crashed';

export class WorkerCounts {
  /** The totals of workers that have ended. INVARIANT: totals never decrease. */
  #past: Counts = new Counters().snapshot(NO_GAUGES);
  readonly #latest = new Map<number, Counts>();

  update(worker: number, counts: Counts): void {
    this.#latest.set(worker, counts);
  }

  /** A worker has ended, and so many `sessions` with it. */
  workerEnded(worker: number, sessions: number): void {
    const last = this.#latest.get(worker) ?? new Counters().snapshot(NO_GAUGES);
    this.#latest.delete(worker);
    const ended = sessions === 0 ? last.ended : { ...last.ended, [CRASH_CAUSE]: sessions };
    // Some sessions may have been opened since its last report.
    const opened = Math.max(last.opened, total(ended));
    this.#past = sumOf([this.#past, { ...last, ...NO_GAUGES, opened, ended }]);
  }

  get total(): Counts {
    return sumOf([this.#past, ...this.#latest.values()]);
  }
}

function total(table: Readonly<Record<string, number>>): number {
  return Object.values(table).reduce((sum, count) => sum + count, 0);
}
