/**
 * `rdgw serve` on more than one core. This process serves nobody: it reads what is to be read, starts the workers, keeps what is
 * common to them, and passes on what it is told. They share one listening socket, and the system chooses who accepts.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { untilRestart } from '../../config/changed-settings.js';
import type { Config } from '../../config/schema.js';
import { Fault } from '../../fault.js';
import { newSecret } from '../../gateway/cluster/forward.js';
import { Ledger } from '../../gateway/cluster/shared-registry.js';
import type { Counts } from '../../gateway/report/counters.js';
import { createLog, type RootLog } from '../../gateway/report/log.js';
import { FACTORY_DEADLINE_MS } from '../../policy/module.js';
import { atEnd } from '../exit-cleanup.js';
import type { Prepared } from '../gateway.js';
import { checkTerms, type Reading } from '../runtime-settings.js';
import { metricsOf, readStart, type ServeOptions, type Serving } from '../serve.js';
import { Tally } from './counts.js';
import { failureError } from './failure.js';
import { keepBooks } from './shared-state.js';
import { SocketFolder } from './socket-folder.js';
import { type WorkerAnswer, Workforce } from './supervisor.js';
import { type Duty, NOT_PREPARED, type Readiness } from './worker.js';

/** Closing: a custom authenticator lets go of what it holds. The same again is what settling may take beside its own times. */
const CLOSE_MS = 10_000;
/** A custom authenticator is made anew for a reload, and may connect to somewhere for that: it fails by itself before we give up. */
const PREPARE_MS = FACTORY_DEADLINE_MS + 15_000;
/** Taking what is prepared waits for nothing: who has not done it by then is stuck. */
const TAKE_MS = 5_000;
/** Whoever asks for counters waits some seconds in all. */
const COUNT_MS = 1_000;

/** What Node takes: a name, and keys for AES and HMAC. */
const TICKET_KEY_BYTES = 48;
/** How often workers are asked for a sign of life, and how many they may miss: a garbage collection is none of our business. */
const PULSE_MS = 10_000;
const PULSES_MISSED = 3;

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

/** Why a worker's answer forbids a reload. One that has gone, or has not begun to serve, has no say: its replacement starts with it. */
export function refusalOf({ worker, answer, error, serves }: Omit<WorkerAnswer<Readiness>, 'pid'>): Error | undefined {
  if (answer !== undefined) return 'failure' in answer ? failureError(answer.failure) : undefined;
  if (!serves) return undefined;
  return new Fault({
    kind: 'configuration',
    code: 'WORKER_NOT_READY',
    message: `worker ${worker} could not prepare the reload (${error ?? 'no answer'})`,
    hint: 'send SIGHUP again; a custom authenticator may be waiting for something',
  });
}

class Primary {
  readonly #started: Config;
  readonly #log: RootLog;
  readonly #ledger: Ledger;
  readonly #workforce: Workforce;
  readonly #tally = new Tally();
  /** Signs of life that a worker has missed in a row. */
  readonly #missed = new Map<number, number>();
  #pulse: NodeJS.Timeout | undefined;
  /** What workers that come go by; in what needs a restart like those that are there. */
  #reading: Reading;

  constructor(reading: Reading, count: number, log: RootLog) {
    this.#started = reading.config;
    this.#reading = reading;
    this.#log = log;
    this.#ledger = new Ledger(reading.config.limits);
    const secret = newSecret();
    const ticketKeys = randomBytes(TICKET_KEY_BYTES);
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
        commons: {
          ids: { first: number, step: count },
          crossing: { address: sockets.take(number), secret },
          ticketKeys,
        },
        announces: !this.#workforce.complete && number === 1,
      }),
      gone: (number) => {
        sockets.giveBack(number);
        this.#missed.delete(number);
        const sessions = this.#ledger.close(number);
        this.#tally.gone(number, sessions);
        return sessions;
      },
    });
    atEnd(() => {
      this.#workforce.kill();
      sockets.remove();
    });
  }

  /** Resolves to the port. */
  async start(): Promise<number> {
    const { port } = await this.#workforce.start();
    this.#pulse = setInterval(() => void this.#feelPulse(), PULSE_MS).unref();
    return port;
  }

  get tunnels(): number {
    return this.#ledger.places;
  }

  get listening(): boolean {
    return this.#workforce.atWork > 0;
  }

  /** Those of a worker that does not answer are as it told them last. */
  async counts(): Promise<Counts> {
    await this.#workforce.command('count', true, COUNT_MS);
    return this.#tally.total;
  }

  /** INVARIANT: no worker takes anything before all of them could. */
  async prepare(other: Reading): Promise<Prepared> {
    await checkTerms(other);
    const reading = { ...other, config: untilRestart(this.#started, other.config) };
    const drop = async (): Promise<void> => void (await this.#workforce.instruct('drop', undefined, CLOSE_MS));
    const answers = await this.#workforce.instruct<Readiness>('prepare', reading, PREPARE_MS);
    const refusal = answers.map(refusalOf).find((error) => error !== undefined);
    if (refusal) {
      await drop();
      throw refusal;
    }
    const told = answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
    const [first] = told as { readonly warnings: readonly string[] }[];
    return { warnings: first?.warnings ?? other.warnings, take: () => this.#take(reading), drop };
  }

  /** Who cannot take it now, though it could, is ended: another one comes, which begins with it. */
  async #take(reading: Reading): Promise<void> {
    this.#reading = reading;
    this.#ledger.adjust(reading.config.limits);
    const answers = await this.#workforce.instruct('take', undefined, TAKE_MS);
    // One that came while the others were asked. It may have sessions by now.
    const late = new Set(answers.filter(({ error }) => error === NOT_PREPARED).map(({ worker }) => worker));
    const isLate = (worker: number): boolean => late.has(worker);
    if (late.size > 0) await this.#workforce.instruct('prepare', reading, PREPARE_MS, isLate);
    const again = late.size > 0 ? await this.#workforce.instruct('take', undefined, TAKE_MS, isLate) : [];
    for (const answer of [...answers.filter(({ worker }) => !isLate(worker)), ...again]) {
      const { worker, error } = answer;
      if (error === undefined || !this.#workforce.discharge(answer)) continue;
      this.#log.error('worker did not take the reload and is replaced', { worker, reason: error });
    }
  }

  /** A worker that hangs serves nobody and keeps its places: it is ended, and another one comes. */
  async #feelPulse(): Promise<void> {
    const answers = await this.#workforce.command('count', false, PULSE_MS / 2);
    for (const answer of answers) {
      const { worker, error, serves } = answer;
      const missed = error === undefined || !serves ? 0 : (this.#missed.get(worker) ?? 0) + 1;
      this.#missed.set(worker, missed);
      if (missed < PULSES_MISSED || !this.#workforce.discharge(answer)) continue;
      this.#log.error('worker hangs and is replaced', { worker, seconds: (PULSES_MISSED * PULSE_MS) / 1000 });
    }
  }

  async drain(ms: number): Promise<void> {
    clearInterval(this.#pulse);
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
