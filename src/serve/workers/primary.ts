/**
 * `rdgw serve` with several workers. The primary process serves no clients: it reads all files, starts the workers,
 * holds their shared registry and forwards reloads and shutdown to them. The workers share one listening socket, and
 * the kernel chooses which one accepts.
 */
import { availableParallelism } from 'node:os';
import { reloadableConfig } from '../../config/changed-settings.js';
import { clientPort, isUnix } from '../../config/listen.js';
import type { Config } from '../../config/schema.js';
import { Fault } from '../../fault.js';
import { newSecret } from '../../gateway/cluster/forward.js';
import { SharedRegistry } from '../../gateway/cluster/shared-registry.js';
import { PRIVATE_UMASK, removeLeftover } from '../../gateway/io/unix-socket.js';
import type { Counts } from '../../gateway/report/counters.js';
import { createLog, type RootLog } from '../../gateway/report/log.js';
import { newTicketKeys } from '../../gateway/settings/ticket-keys.js';
import { FACTORY_DEADLINE_MS } from '../../policy/module.js';
import { atExit } from '../exit-cleanup.js';
import type { PreparedSettings } from '../gateway.js';
import { loadStartFiles, type ServeOptions, type Serving, startMetrics } from '../serve.js';
import { checkRuntimeSettings, type SettingsFiles } from '../settings-files.js';
import { rotateTicketKeys } from '../ticket-keys.js';
import { WorkerCounts } from './counts.js';
import { failureError } from './failure.js';
import { answerSharedState } from './shared-state.js';
import { SocketFolder } from './socket-folder.js';
import { Supervisor, type WorkerAnswer } from './supervisor.js';
import { type Assignment, NOT_PREPARED, type PrepareResult, type WorkerFacts } from './worker.js';

/**
 * For closing, when a custom authenticator releases its resources. Draining gets the same time on top of its own
 * timeouts.
 */
const CLOSE_MS = 10_000;
/**
 * A reload creates a new custom authenticator, which may connect to a server. Its own deadline passes before this one.
 */
const PREPARE_MS = FACTORY_DEADLINE_MS + 15_000;
/** Applying prepared settings waits for nothing: a worker that takes longer hangs. */
const APPLY_MS = 5_000;
/** Opening a file takes no time, except on a network file system that does not answer. */
const REOPEN_MS = 5_000;
/** Scrapers time out after some seconds. */
const COUNTS_MS = 1_000;

/**
 * How often the health of workers is checked, and how many checks in a row may fail: a garbage collection is no reason
 * to kill one.
 */
const HEALTH_CHECK_MS = 10_000;
const MISSED_CHECKS_MAX = 3;

/** The number of processes that serve clients; `auto` is one for each core. */
export function workerCount({ workers }: Pick<Config, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** Starts `count` workers. Throws the `Fault` of the first one that cannot start. */
export async function serveWithWorkers(options: ServeOptions, count: number): Promise<Serving> {
  const { config, dataDir, writeLog } = options;
  const log = createLog({ ...config.log, write: writeLog });
  const { settingsFiles, ...facts } = await loadStartFiles(config, dataDir);
  await checkRuntimeSettings(settingsFiles);
  await prepareUnixSockets(config);
  const primary = new Primary(settingsFiles, count, log);
  const port = clientPort(config, await primary.start());
  const metrics = await startMetrics(config, log, () => primary.counts()).catch(async (error) => {
    await primary.stopAll();
    throw error;
  });
  const prepare = (files: SettingsFiles): Promise<PreparedSettings> => primary.prepare(files);
  const reopenLogs = (): Promise<void> => primary.reopenLogs();
  return { gateway: primary, log, settingsFiles, prepare, reopenLogs, port, metrics, ...facts };
}

/** This process binds the sockets for its workers. Every other file of rdgw is private as well. */
async function prepareUnixSockets({ listen }: Config): Promise<void> {
  const paths = listen.flatMap(({ address }) => (isUnix(address) ? [address.path] : []));
  if (paths.length === 0) return;
  process.umask(PRIVATE_UMASK);
  for (const path of paths) await removeLeftover(path);
}

/**
 * The error that makes a reload fail, by a worker's answer to its preparation. A worker that has ended or does not
 * listen yet causes none: its replacement starts with the new settings.
 */
export function prepareErrorOf({
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
  readonly #startConfig: Config;
  readonly #log: RootLog;
  readonly #registry: SharedRegistry;
  readonly #supervisor: Supervisor;
  readonly #counts = new WorkerCounts();
  /** Failed health checks in a row, by worker number. */
  readonly #missedChecks = new Map<number, number>();
  #healthTimer: NodeJS.Timeout | undefined;
  /** The files for new workers. Settings that need a restart are those of the start, as in the running workers. */
  #settingsFiles: SettingsFiles;

  #ticketKeys = newTicketKeys();

  constructor(settingsFiles: SettingsFiles, count: number, log: RootLog) {
    this.#startConfig = settingsFiles.config;
    this.#settingsFiles = settingsFiles;
    this.#log = log;
    this.#registry = new SharedRegistry(settingsFiles.config.limits);
    const secret = newSecret();
    const sockets = new SocketFolder();
    this.#supervisor = new Supervisor({
      count,
      log,
      started: (rpc, number) => {
        answerSharedState(rpc, this.#registry, number, (other) => sockets.addressOf(other));
        rpc.on('counts', (counts: Counts) => this.#counts.update(number, counts));
      },
      assignment: (number): Assignment => ({
        number,
        settingsFiles: this.#settingsFiles,
        sharedState: {
          ids: { first: number, step: count },
          forwarding: { address: sockets.allocate(number), secret },
          ticketKeys: this.#ticketKeys,
        },
        logsWarnings: !this.#supervisor.allStarted && number === 1,
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

  /** Resolves to the ports of the entries of `listen`. */
  async start(): Promise<WorkerFacts['ports']> {
    const { ports } = await this.#supervisor.start();
    rotateTicketKeys((keys) => {
      this.#ticketKeys = keys;
      void this.#supervisor.commandAll('use ticket keys', keys, APPLY_MS);
    });
    this.#healthTimer = setInterval(() => void this.#checkHealth(), HEALTH_CHECK_MS).unref();
    return ports;
  }

  get tunnels(): number {
    return this.#registry.tunnels;
  }

  get listening(): boolean {
    return this.#supervisor.listening > 0;
  }

  /** Uses the last reported counts of a worker that does not answer. */
  async counts(): Promise<Counts> {
    await this.#supervisor.command('report counts', true, COUNTS_MS);
    return this.#counts.total;
  }

  /** INVARIANT: no worker applies a reload before all of them have prepared it. */
  async prepare(files: SettingsFiles): Promise<PreparedSettings> {
    await checkRuntimeSettings(files);
    const next = { ...files, config: reloadableConfig(this.#startConfig, files.config) };
    const discard = async (): Promise<void> =>
      void (await this.#supervisor.commandAll('discard reload', undefined, CLOSE_MS));
    const answers = await this.#supervisor.commandAll<PrepareResult>('prepare reload', next, PREPARE_MS);
    const failure = answers.map(prepareErrorOf).find((error) => error !== undefined);
    if (failure) {
      await discard();
      throw failure;
    }
    const results = answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
    const [first] = results as { readonly warnings: readonly string[] }[];
    return { warnings: first?.warnings ?? files.warnings, apply: () => this.#apply(next), discard };
  }

  /** Kills a worker that cannot apply what it has prepared. Its replacement starts with the new settings. */
  async #apply(files: SettingsFiles): Promise<void> {
    this.#settingsFiles = files;
    this.#registry.adjust(files.config.limits);
    const answers = await this.#supervisor.commandAll('apply reload', undefined, APPLY_MS);
    // Workers that were started while the others prepared. They may have sessions by now, so they prepare instead of
    // being killed.
    const lateWorkers = new Set(answers.filter(({ error }) => error === NOT_PREPARED).map(({ worker }) => worker));
    const isLate = (worker: number): boolean => lateWorkers.has(worker);
    if (lateWorkers.size > 0) await this.#supervisor.commandAll('prepare reload', files, PREPARE_MS, isLate);
    const lateAnswers =
      lateWorkers.size > 0 ? await this.#supervisor.commandAll('apply reload', undefined, APPLY_MS, isLate) : [];
    for (const answer of [...answers.filter(({ worker }) => !isLate(worker)), ...lateAnswers]) {
      const { worker, error } = answer;
      if (error === undefined || !this.#supervisor.terminate(answer)) continue;
      this.#log.event('worker.reload_failed', { worker, reason: error });
    }
  }

  /** Kills workers that hang, so that they are replaced: they serve no clients, but keep their slots. */
  async #checkHealth(): Promise<void> {
    const answers = await this.#supervisor.command('report counts', false, HEALTH_CHECK_MS / 2);
    for (const answer of answers) {
      const { worker, error, serves } = answer;
      const missed = error === undefined || !serves ? 0 : (this.#missedChecks.get(worker) ?? 0) + 1;
      this.#missedChecks.set(worker, missed);
      if (missed < MISSED_CHECKS_MAX || !this.#supervisor.terminate(answer)) continue;
      this.#log.event('worker.unresponsive', {
        worker,
        seconds: (MISSED_CHECKS_MAX * HEALTH_CHECK_MS) / 1000,
      });
    }
  }

  async reopenLogs(): Promise<void> {
    await this.#supervisor.commandAll('reopen logs', undefined, REOPEN_MS);
  }

  async drain(ms: number): Promise<void> {
    clearInterval(this.#healthTimer);
    const { close } = this.#settingsFiles.config.timeouts;
    this.#supervisor.stopReplacing();
    // Workers without sessions still answer new requests until the last session of all workers has ended.
    await this.#supervisor.command('drain sessions', ms, ms + 2 * close * 1000 + CLOSE_MS);
    await this.#supervisor.command('close', undefined, CLOSE_MS);
    await this.stopAll();
  }

  stopAll(): Promise<void> {
    return this.#supervisor.stopAll();
  }
}
