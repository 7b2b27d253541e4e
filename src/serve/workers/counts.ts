/** The counts of a gateway that is served by several processes: what each has told, and what those that are gone had told last. */
import { Counters, type Counts, sumOf } from '../../gateway/report/counters.js';

const NOTHING_NOW = { sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } };
/** The cause of the end of sessions that went with their process, which could say none. */
const CRASH = 'worker crashed';

export class Tally {
  /** INVARIANT: totals never go backwards, whoever is gone. */
  #past: Counts = new Counters().snapshot(NOTHING_NOW);
  readonly #told = new Map<number, Counts>();

  told(worker: number, counts: Counts): void {
    this.#told.set(worker, counts);
  }

  /** A process is gone, and so many sessions with it. */
  gone(worker: number, sessions: number): void {
    const last = this.#told.get(worker) ?? new Counters().snapshot(NOTHING_NOW);
    this.#told.delete(worker);
    const ended = sessions === 0 ? last.ended : { ...last.ended, [CRASH]: sessions };
    // Some may have begun since it was asked.
    const opened = Math.max(last.opened, total(ended));
    this.#past = sumOf([this.#past, { ...last, ...NOTHING_NOW, opened, ended }]);
  }

  get total(): Counts {
    return sumOf([this.#past, ...this.#told.values()]);
  }
}

function total(table: Readonly<Record<string, number>>): number {
  return Object.values(table).reduce((sum, count) => sum + count, 0);
}
