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
import { SharedRegistry } from '../../gateway/cluster/shared-registry.js';
import type { Counts } from '../../gateway/report/counters.js';
import { createLog, type RootLog } from '../../gateway/report/log.js';
import { FACTORY_DEADLINE_MS } from '../../policy/module.js';
import { atExit } from '../exit-cleanup.js';
import type { Prepared } from '../gateway.js';
import { checkRuntimeSettings, type SettingsFiles } from '../runtime-settings.js';
import { metricsOf, readStart, type ServeOptions, type Serving } from '../serve.js';
import { WorkerCounts } from './counts.js';
import { failureError } from './failure.js';
import { answerSharedState } from './shared-state.js';
import { SocketFolder } from './socket-folder.js';
import { Supervisor, type WorkerAnswer } from './supervisor.js';
import { type Assignment, NOT_PREPARED, type PrepareResult } from './worker.js';

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
const HEALTH_CHECK_MS = 10_000;
const MISSED_CHECKS_MAX = 3;

/** How many processes are to serve. */
export function workerCount({ workers }: Pick<Config, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Starts so many workers. Throws the `Fault` of the first one that cannot start. */
export async function serveWithWorkers(options: ServeOptions, count: number): Promise<Serving> {
  const { config, dataDir, writeLog } = options;
  const log = createLog({ ...config.log, write: writeLog });
  const { reading, ...facts } = await readStart(config, dataDir);
  await checkRuntimeSettings(reading);
  const primary = new Primary(reading, count, log);
  const port = await primary.start();
  const metrics = await metricsOf(config, log, () => primary.counts()).catch(async (error) => {
    await primary.stopAll();
    throw error;
  });
  return { gateway: primary, log, reading, prepare: (other) => primary.prepare(other), port, metrics, ...facts };
}

/** Why a worker's answer forbids a reload. One that has gone, or has not begun to serve, has no say: its replacement starts with it. */
export function refusalOf({
  worker,
  answer,
  error,
  serves,
}: Omit<WorkerAnswer<PrepareResult>, 'pid'>): Error | undefined {
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
  readonly #registry: SharedRegistry;
  readonly #supervisor: Supervisor;
  readonly #counts = new WorkerCounts();
  /** Signs of life that a worker has missed in a row. */
  readonly #missedChecks = new Map<number, number>();
  #healthTimer: NodeJS.Timeout | undefined;
  /** What workers that come go by; in what needs a restart like those that are there. */
  #reading: SettingsFiles;

  constructor(reading: SettingsFiles, count: number, log: RootLog) {
    this.#started = reading.config;
    this.#reading = reading;
    this.#log = log;
    this.#registry = new SharedRegistry(reading.config.limits);
    const secret = newSecret();
    const ticketKeys = randomBytes(TICKET_KEY_BYTES);
    const sockets = new SocketFolder();
    this.#supervisor = new Supervisor({
      count,
      log,
      started: (wire, number) => {
        answerSharedState(wire, this.#registry, number, (other) => sockets.of(other));
        wire.on('counts', (counts: Counts) => this.#counts.update(number, counts));
      },
      assignment: (number): Assignment => ({
        number,
        reading: this.#reading,
        sharedState: {
          ids: { first: number, step: count },
          forwarding: { address: sockets.take(number), secret },
          ticketKeys,
        },
        announces: !this.#supervisor.complete && number === 1,
      }),
      ended: (number) => {
        sockets.release(number);
        this.#missedChecks.delete(number);
        const sessions = this.#registry.removeWorker(number);
        this.#counts.workerEnded(number, sessions);
        return sessions;
      },
    });
    atExit(() => {
      this.#supervisor.kill();
      sockets.remove();
    });
  }

  /** Resolves to the port. */
  async start(): Promise<number> {
    const { port } = await this.#supervisor.start();
    this.#healthTimer = setInterval(() => void this.#checkHealth(), HEALTH_CHECK_MS).unref();
    return port;
  }

  get tunnels(): number {
    return this.#registry.tunnels;
  }

  get listening(): boolean {
    return this.#supervisor.listening > 0;
  }

  /** Those of a worker that does not answer are as it told them last. */
  async counts(): Promise<Counts> {
    await this.#supervisor.command('count', true, COUNT_MS);
    return this.#counts.total;
  }

  /** INVARIANT: no worker takes anything before all of them could. */
  async prepare(other: SettingsFiles): Promise<Prepared> {
    await checkRuntimeSettings(other);
    const reading = { ...other, config: untilRestart(this.#started, other.config) };
    const drop = async (): Promise<void> => void (await this.#supervisor.commandAll('drop', undefined, CLOSE_MS));
    const answers = await this.#supervisor.commandAll<PrepareResult>('prepare', reading, PREPARE_MS);
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
  async #take(reading: SettingsFiles): Promise<void> {
    this.#reading = reading;
    this.#registry.adjust(reading.config.limits);
    const answers = await this.#supervisor.commandAll('take', undefined, TAKE_MS);
    // One that came while the others were asked. It may have sessions by now.
    const late = new Set(answers.filter(({ error }) => error === NOT_PREPARED).map(({ worker }) => worker));
    const isLate = (worker: number): boolean => late.has(worker);
    if (late.size > 0) await this.#supervisor.commandAll('prepare', reading, PREPARE_MS, isLate);
    const again = late.size > 0 ? await this.#supervisor.commandAll('take', undefined, TAKE_MS, isLate) : [];
    for (const answer of [...answers.filter(({ worker }) => !isLate(worker)), ...again]) {
      const { worker, error } = answer;
      if (error === undefined || !this.#supervisor.terminate(answer)) continue;
      this.#log.error('worker did not take the reload and is replaced', { worker, reason: error });
    }
  }

  /** A worker that hangs serves nobody and keeps its places: it is ended, and another one comes. */
  async #checkHealth(): Promise<void> {
    const answers = await this.#supervisor.command('count', false, HEALTH_CHECK_MS / 2);
    for (const answer of answers) {
      const { worker, error, serves } = answer;
      const missed = error === undefined || !serves ? 0 : (this.#missedChecks.get(worker) ?? 0) + 1;
      this.#missedChecks.set(worker, missed);
      if (missed < MISSED_CHECKS_MAX || !this.#supervisor.terminate(answer)) continue;
      this.#log.error('worker hangs and is replaced', {
        worker,
        seconds: (MISSED_CHECKS_MAX * HEALTH_CHECK_MS) / 1000,
      });
    }
  }

  async drain(ms: number): Promise<void> {
    clearInterval(this.#healthTimer);
    const { close } = this.#reading.config.timeouts;
    this.#supervisor.stopReplacing();
    // Who has no session left still answers newcomers, until the last session of all has ended.
    await this.#supervisor.command('settle', ms, ms + 2 * close * 1000 + CLOSE_MS);
    await this.#supervisor.command('close', undefined, CLOSE_MS);
    await this.stopAll();
  }

  stopAll(): Promise<void> {
    return this.#supervisor.stopAll();
  }
}
