/**
 * `rdgw serve` on more than one core. This process serves nobody: it reads what is to be read, starts the workers, keeps what is
 * common to them, and passes on what it is told. They share one listening socket, and the system chooses who accepts.
 */
import { availableParallelism } from 'node:os';
import { untilRestart } from './config/compare.js';
import type { Config } from './config/schema.js';
import type { Counts } from './gateway/counters.js';
import { newSecret } from './gateway/crossing.js';
import { Ledger } from './gateway/ledger.js';
import { createLog, type RootLog } from './gateway/log.js';
import { metricsOf, readStart, type ServeOptions, type Serving } from './serve.js';
import { keepBooks } from './serve-commons.js';
import { failureError } from './serve-failure.js';
import type { Prepared } from './serve-gateway.js';
import { SocketFolder } from './serve-sockets.js';
import { Tally } from './serve-tally.js';
import { checkTerms, type Reading } from './serve-terms.js';
import type { Duty, Readiness } from './serve-worker.js';
import { Workforce } from './serve-workforce.js';

/** Closing: a custom authenticator lets go of what it holds. The same again is what settling may take beside its own times. */
const CLOSE_MS = 10_000;
/** A custom authenticator is made anew for a reload, and may connect to somewhere for that. */
const PREPARE_MS = 30_000;
/** Taking what is prepared waits for nothing: who has not done it by then is stuck. */
const TAKE_MS = 5_000;
/** Whoever asks for counters waits some seconds in all. */
const COUNT_MS = 1_000;

/** How many processes are to serve. */
export function workerCount({ workers }: Pick<Config, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Starts so many workers. Throws the `Fault` of the first one that cannot start. */
export async function serveWithWorkers(options: ServeOptions, count: number): Promise<Serving> {
  const { config, dataDir, writeLog } = options;
  const log = createLog({ ...config.log, write: writeLog });
  const { reading, ...facts } = await readStart(config, dataDir);
  await checkTerms(reading);
  const primary = new Primary(reading, count, log);
  const port = await primary.start();
  const metrics = await metricsOf(config, log, () => primary.counts()).catch(async (error) => {
    await primary.dismiss();
    throw error;
  });
  return { gateway: primary, log, reading, prepare: (other) => primary.prepare(other), port, metrics, ...facts };
}

class Primary {
  readonly #started: Config;
  readonly #log: RootLog;
  readonly #ledger: Ledger;
  readonly #workforce: Workforce;
  readonly #tally = new Tally();
  /** What workers that come go by; in what needs a restart like those that are there. */
  #reading: Reading;

  constructor(reading: Reading, count: number, log: RootLog) {
    this.#started = reading.config;
    this.#reading = reading;
    this.#log = log;
    this.#ledger = new Ledger(reading.config.limits);
    const secret = newSecret();
    const sockets = new SocketFolder();
    this.#workforce = new Workforce({
      count,
      log,
      hired: (wire, number) => {
        keepBooks(wire, this.#ledger, number, (other) => sockets.of(other));
        wire.on('counts', (counts: Counts) => this.#tally.told(number, counts));
      },
      duty: (number): Duty => ({
        number,
        reading: this.#reading,
        commons: { ids: { first: number, step: count }, crossing: { address: sockets.take(number), secret } },
        announces: !this.#workforce.complete && number === 1,
      }),
      gone: (number) => {
        sockets.giveBack(number);
        const sessions = this.#ledger.close(number);
        this.#tally.gone(number, sessions);
        return sessions;
      },
    });
    // Whatever ends this process, a second signal too: nothing of it stays behind.
    process.once('exit', () => {
      this.#workforce.kill();
      sockets.remove();
    });
  }

  /** Resolves to the port. */
  async start(): Promise<number> {
    return (await this.#workforce.start()).port;
  }

  get tunnels(): number {
    return this.#ledger.places;
  }

  get listening(): boolean {
    return this.#workforce.atWork > 0;
  }

  /** Those of a worker that does not answer are as it told them last. */
  async counts(): Promise<Counts> {
    await this.#workforce.command('count', undefined, COUNT_MS);
    return this.#tally.total;
  }

  /** INVARIANT: no worker takes anything before all of them could. */
  async prepare(other: Reading): Promise<Prepared> {
    await checkTerms(other);
    const reading = { ...other, config: untilRestart(this.#started, other.config) };
    const drop = async (): Promise<void> => void (await this.#workforce.instruct('drop', undefined, CLOSE_MS));
    const answers = await this.#workforce.instruct<Readiness>('prepare', reading, PREPARE_MS);
    const told = answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
    for (const readiness of told) {
      if (!('failure' in readiness)) continue;
      await drop();
      throw failureError(readiness.failure);
    }
    const [first] = told as { readonly warnings: readonly string[] }[];
    return { warnings: first?.warnings ?? other.warnings, take: () => this.#take(reading), drop };
  }

  /** Who cannot take it now, though it could, is ended: another one comes, which begins with it. */
  async #take(reading: Reading): Promise<void> {
    this.#reading = reading;
    this.#ledger.adjust(reading.config.limits);
    for (const { worker, error } of await this.#workforce.instruct('take', undefined, TAKE_MS)) {
      if (error === undefined) continue;
      this.#log.error('worker did not take the reload and is replaced', { worker, reason: error });
      this.#workforce.discharge(worker);
    }
  }

  async drain(ms: number): Promise<void> {
    const { close } = this.#reading.config.timeouts;
    this.#workforce.retire();
    // Who has no session left still answers newcomers, until the last session of all has ended.
    await this.#workforce.command('settle', ms, ms + 2 * close * 1000 + CLOSE_MS);
    await this.#workforce.command('close', undefined, CLOSE_MS);
    await this.dismiss();
  }

  dismiss(): Promise<void> {
    return this.#workforce.dismiss();
  }
}
