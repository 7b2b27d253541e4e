/** The counts of a gateway that is served by several processes: what each has told, and what those that are gone had told last. */
import { Counters, type Counts, sumOf } from '../../gateway/report/counters.js';

const NOTHING_NOW = { sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } };
/** The cause of the end of sessions that went with their process, which could say none. */
const CRASH = 'worker crashed';

export class WorkerCounts {
  /** INVARIANT: totals never go backwards, whoever is gone. */
  #past: Counts = new Counters().snapshot(NOTHING_NOW);
  readonly #latest = new Map<number, Counts>();

  update(worker: number, counts: Counts): void {
    this.#latest.set(worker, counts);
  }

  /** A process is gone, and so many sessions with it. */
  workerEnded(worker: number, sessions: number): void {
    const last = this.#latest.get(worker) ?? new Counters().snapshot(NOTHING_NOW);
    this.#latest.delete(worker);
    const ended = sessions === 0 ? last.ended : { ...last.ended, [CRASH]: sessions };
    // Some may have begun since it was asked.
    const opened = Math.max(last.opened, total(ended));
    this.#past = sumOf([this.#past, { ...last, ...NOTHING_NOW, opened, ended }]);
  }

  get total(): Counts {
    return sumOf([this.#past, ...this.#latest.values()]);
  }
}

function total(table: Readonly<Record<string, number>>): number {
  return Object.values(table).reduce((sum, count) => sum + count, 0);
}
