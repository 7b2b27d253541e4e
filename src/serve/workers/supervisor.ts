/** Starts the workers of one gateway, sends them commands, and replaces those that crash. */
import cluster, { type Worker } from 'node:cluster';
import { Fault } from '../../fault.js';
import type { Log } from '../../gateway/report/log.js';
import { Backoff } from './backoff.js';
import { type Failure, failureError } from './failure.js';
import { Rpc } from './rpc.js';
import type { Assignment, WorkerFacts } from './worker.js';

/**
 * How long a worker may take to ask for its assignment, and then again to listen. A busy machine needs time; a stuck
 * worker is killed.
 */
const START_MS = 60_000;
/** How long a disconnected worker may take to exit. It has nothing left to do. */
const EXIT_MS = 2_000;

export interface SupervisorOptions {
  readonly count: number;
  readonly log: Log;
  /** Called for a new worker process, to set handlers for its calls. */
  readonly started: (rpc: Rpc, number: number) => void;
  /** Returns the assignment of a worker, with the settings in use now. */
  readonly assignment: (number: number) => Assignment;
  /** Called when a worker has ended. Returns how many sessions ended with it. */
  readonly ended: (number: number) => number;
}

/** The result of a command to one worker. */
export interface WorkerAnswer<Answer> {
  readonly worker: number;
  /** The process that got the command: another one may have its worker number by now. */
  readonly pid: number | undefined;
  readonly answer?: Answer;
  /** Why there is no answer. */
  readonly error?: string;
  /** Whether the worker listens. If it does, a missing answer is a failure; if not, it has ended or never listened. */
  readonly serves: boolean;
}

interface WorkerEntry {
  readonly number: number;
  readonly rpc: Rpc;
  readonly worker: Worker;
  readonly startedAt: number;
  /** Whether it got its assignment, so that changes of the settings have to be sent to it. */
  hasAssignment: boolean;
  /** Whether it listens. */
  ready: boolean;
  readonly exited: Promise<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #backoffs = new Map<number, Backoff>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #first: Promise<WorkerFacts> | undefined;
  #allStarted = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // All workers accept on the shared socket. With round-robin the primary would pass on each connection by IPC.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // Settings files contain dates and binary keys, which JSON cannot represent.
    cluster.setupPrimary({ serialization: 'advanced' });
  }

  /** Whether all workers have listened at least once. From then on they are replaced. */
  get allStarted(): boolean {
    return this.#allStarted;
  }

  /** Resolves when all workers listen. Rejects with the error of the first one that fails. */
  async start(): Promise<WorkerFacts> {
    const starts = Array.from({ length: this.#options.count }, async (_, index) => this.#startWorker(index + 1));
    const [first] = starts as [Promise<WorkerFacts>];
    this.#first = first;
    await Promise.all(starts);
    this.#allStarted = true;
    return first;
  }

  /** The number of workers that listen. */
  get listening(): number {
    return this.#ready.length;
  }

  /** Calls every worker that listens. Never rejects. */
  command<Answer>(name: string, body: unknown, timeoutMs: number): Promise<readonly WorkerAnswer<Answer>[]> {
    return callAll(this.#ready, name, body, timeoutMs);
  }

  /** Also calls workers that have their assignment but do not listen yet; they answer once they do. Never rejects. */
  commandAll<Answer>(
    name: string,
    body: unknown,
    timeoutMs: number,
    includes: (worker: number) => boolean = () => true,
  ): Promise<readonly WorkerAnswer<Answer>[]> {
    const entries = [...this.#entries.values()].filter(
      ({ hasAssignment, number }) => hasAssignment && includes(number),
    );
    return callAll(entries, name, body, timeoutMs);
  }

  /** Kills the process that gave this answer, so that it is replaced. Returns false if it has ended by itself. */
  terminate({ worker: number, pid }: WorkerAnswer<unknown>): boolean {
    const child = this.#entries.get(number)?.worker.process;
    return child !== undefined && child.pid === pid && child.kill('SIGKILL');
  }

  get #ready(): readonly WorkerEntry[] {
    return [...this.#entries.values()].filter(({ ready }) => ready);
  }

  /** From now on no worker is replaced. */
  stopReplacing(): void {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
  }

  /** Ends all workers and waits until they have exited. */
  async stopAll(): Promise<void> {
    this.stopReplacing();
    const entries = [...this.#entries.values()];
    // A worker exits at once when it is disconnected, even if a custom authenticator holds a timer or a connection.
    for (const { worker } of entries) if (worker.isConnected()) worker.process.disconnect();
    const killer = setTimeout(() => this.kill(), EXIT_MS);
    await Promise.all(entries.map(({ exited }) => exited));
    clearTimeout(killer);
  }

  kill(): void {
    this.stopReplacing();
    for (const { worker } of this.#entries.values()) worker.process.kill('SIGKILL');
  }

  /** Resolves when the worker listens. Throws synchronously if the process cannot be forked. */
  #startWorker(number: number): Promise<WorkerFacts> {
    const worker = fork();
    // Without a callback, a message to a worker that has just exited would emit an `error` event.
    const rpc = new Rpc((message) => void worker.send(message, () => undefined));
    worker.on('message', (message) => void rpc.receive(message));
    const { log, started, assignment, ended } = this.#options;
    return new Promise((resolve, reject) => {
      const startDeadline = (): NodeJS.Timeout => setTimeout(() => worker.process.kill('SIGKILL'), START_MS);
      let deadline = startDeadline();
      const exited = exitOf(worker).then(({ code, signal, error }) => {
        clearTimeout(deadline);
        rpc.close();
        this.#entries.delete(number);
        const sessions = ended(number);
        reject(endedEarly(signal ?? code ?? error?.code ?? null, error));
        if (this.#stopping) return;
        const facts = { worker: number, pid: worker.process.pid, signal: signal ?? undefined, code: code ?? undefined };
        if (entry.ready) log.event('worker.crashed', { ...facts, sessions });
        if (entry.ready || this.#allStarted) this.#replace(number, performance.now() - entry.startedAt);
      });
      const entry: WorkerEntry = {
        number,
        rpc,
        worker,
        startedAt: performance.now(),
        hasAssignment: false,
        ready: false,
        exited,
      };
      this.#entries.set(number, entry);
      rpc.on('get assignment', async () => {
        clearTimeout(deadline);
        // The others wait for the first worker, so that an error that all of them have is reported once.
        if (number > 1) await this.#first;
        if (rpc.isClosed) return undefined;
        deadline = startDeadline();
        entry.hasAssignment = true;
        return assignment(number);
      });
      rpc.on('ready', (facts: WorkerFacts) => {
        clearTimeout(deadline);
        // Too late: it was not listening yet when the other workers got the command to drain.
        if (this.#stopping) return void worker.process.kill('SIGKILL');
        entry.ready = true;
        log.event('worker.started', { worker: number, pid: worker.process.pid });
        resolve(facts);
      });
      rpc.on('failed', (failure: Failure) => {
        reject(failureError(failure));
        worker.process.kill('SIGKILL');
      });
      started(rpc, number);
    });
  }

  #replace(number: number, uptimeMs: number): void {
    const backoff = this.#backoffs.get(number) ?? new Backoff();
    this.#backoffs.set(number, backoff);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      try {
        this.#startWorker(number).catch((error: Error) => this.#logStartFailure(number, error));
      } catch (error) {
        // Without memory the fork fails at once: there is no process whose exit would start the next attempt.
        this.#logStartFailure(number, error as Error);
        this.#replace(number, 0);
      }
    }, backoff.after(uptimeMs));
    this.#restarts.add(timer);
  }

  #logStartFailure(number: number, { message }: Error): void {
    if (!this.#stopping) this.#options.log.event('worker.start_failed', { worker: number, reason: message });
  }
}

async function callAll<Answer>(
  entries: readonly WorkerEntry[],
  name: string,
  body: unknown,
  timeoutMs: number,
): Promise<readonly WorkerAnswer<Answer>[]> {
  return Promise.all(
    entries.map((entry) => {
      const ids = { worker: entry.number, pid: entry.worker.process.pid };
      return entry.rpc.call<Answer>(name, body, { timeoutMs }).then(
        (answer) => ({ ...ids, answer, serves: true }),
        (error: Error) => ({ ...ids, error: error.message, serves: entry.ready && !entry.rpc.isClosed }),
      );
    }),
  );
}

function fork(): Worker {
  try {
    return cluster.fork();
  } catch (cause) {
    throw endedEarly((cause as NodeJS.ErrnoException).code ?? null, cause);
  }
}

function endedEarly(reason: string | number | null, cause?: unknown): Fault {
  return new Fault({
    kind: 'unreachable',
    code: 'WORKER_ENDED',
    message: `a worker ended before it listened (${reason})`,
    hint: 'too little memory, a signal from outside, or a custom authenticator that takes longer than a minute to load',
    cause,
  });
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the process could not be started. */
  readonly error?: NodeJS.ErrnoException;
}

/** Resolves when the process has exited, or could not be started. */
function exitOf(worker: Worker): Promise<Exit> {
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve({ code, signal }));
    // If the system refuses a new process, there is no `exit` event.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) resolve({ code: null, signal: null, error });
    });
  });
}
