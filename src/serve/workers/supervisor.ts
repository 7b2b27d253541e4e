/** The workers of one gateway: started, told what to do, and replaced when they crash. */
import cluster, { type Worker } from 'node:cluster';
import { Fault } from '../../fault.js';
import type { Log } from '../../gateway/report/log.js';
import { Backoff } from './backoff.js';
import { type Failure, failureError } from './failure.js';
import { Rpc } from './rpc.js';
import type { Assignment, WorkerFacts } from './worker.js';

/** What a worker may take to be there, and then to read its files and listen: a busy machine gets time for that, a stuck worker does not. */
const START_MS = 60_000;
/** A worker that was told to go has nothing left to do. */
const GO_MS = 2_000;

export interface SupervisorOptions {
  readonly count: number;
  readonly log: Log;
  /** A new worker is there: what it asks is to be answered. */
  readonly started: (wire: Rpc, number: number) => void;
  /** What it has to do, as of now. */
  readonly assignment: (number: number) => Assignment;
  /** It is gone. Returns how many sessions went with it. */
  readonly ended: (number: number) => number;
}

/** What became of a command to one worker. */
export interface WorkerAnswer<Answer> {
  readonly worker: number;
  /** Of the process that was asked: another one may have its number by now. */
  readonly pid: number | undefined;
  readonly answer?: Answer;
  /** Why there is none. */
  readonly error?: string;
  /** It serves: silence of one that does is no consent. Without it the worker has gone, or never came so far. */
  readonly serves: boolean;
}

interface WorkerEntry {
  readonly number: number;
  readonly rpc: Rpc;
  readonly worker: Worker;
  readonly since: number;
  /** It knows its duty: a change of that concerns it. */
  hasAssignment: boolean;
  /** It listens. */
  ready: boolean;
  readonly exited: Promise<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #entries = new Map<number, WorkerEntry>();
  readonly #backoffs = new Map<number, Backoff>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #first: Promise<WorkerFacts> | undefined;
  #complete = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // The primary would hand connections on one by one; the system does that for nothing.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // What is passed on has dates and keys in it, which JSON does not know.
    cluster.setupPrimary({ serialization: 'advanced' });
  }

  /** All workers were there once: from then on they are replaced. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Rejects with what a worker failed of. */
  async start(): Promise<WorkerFacts> {
    const hires = Array.from({ length: this.#options.count }, async (_, index) => this.#startWorker(index + 1));
    const [first] = hires as [Promise<WorkerFacts>];
    this.#first = first;
    await Promise.all(hires);
    this.#complete = true;
    return first;
  }

  /** How many of them listen. */
  get listening(): number {
    return this.#ready.length;
  }

  /** Asks every worker that listens. Never rejects. */
  command<Answer>(name: string, body: unknown, within: number): Promise<readonly WorkerAnswer<Answer>[]> {
    return callAll(this.#ready, name, body, within);
  }

  /** The same, and also those that do not listen yet but know what they have to do: they answer when they do. */
  commandAll<Answer>(
    name: string,
    body: unknown,
    within: number,
    whom: (worker: number) => boolean = () => true,
  ): Promise<readonly WorkerAnswer<Answer>[]> {
    const hands = [...this.#entries.values()].filter(({ hasAssignment, number }) => hasAssignment && whom(number));
    return callAll(hands, name, body, within);
  }

  /** Ends the worker that answered so, in whose place comes another one. False where it has gone by itself. */
  terminate({ worker: number, pid }: WorkerAnswer<unknown>): boolean {
    const process = this.#entries.get(number)?.worker.process;
    return process !== undefined && process.pid === pid && process.kill('SIGKILL');
  }

  get #ready(): readonly WorkerEntry[] {
    return [...this.#entries.values()].filter(({ ready }) => ready);
  }

  /** From now on nobody is replaced. */
  stopReplacing(): void {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
  }

  /** Sends everybody away and waits until they are gone. */
  async stopAll(): Promise<void> {
    this.stopReplacing();
    const hands = [...this.#entries.values()];
    // A worker whose primary is gone ends at once, whatever a custom authenticator holds.
    for (const { worker } of hands) if (worker.isConnected()) worker.process.disconnect();
    const killer = setTimeout(() => this.kill(), GO_MS);
    await Promise.all(hands.map(({ exited }) => exited));
    clearTimeout(killer);
  }

  kill(): void {
    this.stopReplacing();
    for (const { worker } of this.#entries.values()) worker.process.kill('SIGKILL');
  }

  /** Resolves when the worker listens. Throws when there is not even a process. */
  #startWorker(number: number): Promise<WorkerFacts> {
    const worker = fork();
    // Without a callback a worker that is just gone would be an error that nobody catches.
    const rpc = new Rpc((message) => void worker.send(message, () => undefined));
    worker.on('message', (message) => void rpc.receive(message));
    const { log, started, assignment, ended } = this.#options;
    return new Promise((resolve, reject) => {
      const patience = (): NodeJS.Timeout => setTimeout(() => worker.process.kill('SIGKILL'), START_MS);
      let late = patience();
      const exited = exitOf(worker).then(({ code, signal, error }) => {
        clearTimeout(late);
        rpc.close();
        this.#entries.delete(number);
        const sessions = ended(number);
        reject(endedEarly(signal ?? code ?? error?.code ?? null, error));
        if (this.#stopping) return;
        const facts = { worker: number, pid: worker.process.pid, signal: signal ?? undefined, code: code ?? undefined };
        if (hand.ready) log.error('worker crashed', { ...facts, sessions });
        if (hand.ready || this.#complete) this.#replace(number, performance.now() - hand.since);
      });
      const hand: WorkerEntry = {
        number,
        rpc,
        worker,
        since: performance.now(),
        hasAssignment: false,
        ready: false,
        exited,
      };
      this.#entries.set(number, hand);
      rpc.on('hello', async () => {
        clearTimeout(late);
        // What is wrong with all of them is then said once.
        if (number > 1) await this.#first;
        if (rpc.isClosed) return undefined;
        late = patience();
        hand.hasAssignment = true;
        return assignment(number);
      });
      rpc.on('ready', (facts: WorkerFacts) => {
        clearTimeout(late);
        // Too late: those who are to end have been told, and this one was not among them.
        if (this.#stopping) return void worker.process.kill('SIGKILL');
        hand.ready = true;
        log.info('worker started', { worker: number, pid: worker.process.pid });
        resolve(facts);
      });
      rpc.on('failed', (failure: Failure) => {
        reject(failureError(failure));
        worker.process.kill('SIGKILL');
      });
      started(rpc, number);
    });
  }

  #replace(number: number, livedMs: number): void {
    const backoff = this.#backoffs.get(number) ?? new Backoff();
    this.#backoffs.set(number, backoff);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      try {
        this.#startWorker(number).catch((error: Error) => this.#logStartFailure(number, error));
      } catch (error) {
        // Without memory for a process the system refuses it at once: then there is nobody whose end would bring the next one.
        this.#logStartFailure(number, error as Error);
        this.#replace(number, 0);
      }
    }, backoff.after(livedMs));
    this.#restarts.add(timer);
  }

  #logStartFailure(number: number, { message }: Error): void {
    if (!this.#stopping) this.#options.log.error('worker cannot start', { worker: number, reason: message });
  }
}

async function callAll<Answer>(
  hands: readonly WorkerEntry[],
  name: string,
  body: unknown,
  within: number,
): Promise<readonly WorkerAnswer<Answer>[]> {
  return Promise.all(
    hands.map((hand) => {
      const who = { worker: hand.number, pid: hand.worker.process.pid };
      return hand.rpc.call<Answer>(name, body, { within }).then(
        (answer) => ({ ...who, answer, serves: true }),
        (error: Error) => ({ ...who, error: error.message, serves: hand.ready && !hand.rpc.isClosed }),
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

function endedEarly(how: string | number | null, cause?: unknown): Fault {
  return new Fault({
    kind: 'unreachable',
    code: 'WORKER_ENDED',
    message: `a worker ended before it listened (${how})`,
    hint: 'too little memory, a signal from outside, or a custom authenticator that takes longer than a minute to load',
    cause,
  });
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why there was no process. */
  readonly error?: NodeJS.ErrnoException;
}

/** Resolves when the process is gone, or was never there. */
function exitOf(worker: Worker): Promise<Exit> {
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve({ code, signal }));
    // The system may refuse a new process; then there is no exit either.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) resolve({ code: null, signal: null, error });
    });
  });
}
