/** One of the processes that serve a gateway together: started by the primary, with what it has read, and told by it when to end. */
import { catchUncaughtErrors, UncaughtErrors } from '../../cli/uncaught-errors.js';
import type { Gateway } from '../../gateway/gateway.js';
import { createLog, type RootLog } from '../../gateway/report/log.js';
import { openGateway, type Prepared, prepareRuntimeSettings } from '../gateway.js';
import type { SettingsFiles } from '../runtime-settings.js';
import { type Failure, failureOf } from './failure.js';
import { Rpc } from './rpc.js';
import { type SharedStateOptions, sharedStateOver } from './shared-state.js';

/** What a worker is told at its start. */
export interface Assignment {
  /** From 1. */
  readonly number: number;
  /** What the primary has read: files that were changed meanwhile must not make workers differ. */
  readonly reading: SettingsFiles;
  readonly sharedState: SharedStateOptions;
  /** Whether it says what all workers have to say at a start. */
  readonly announces: boolean;
}

/** What a worker tells once it listens. */
export interface WorkerFacts {
  readonly port: number;
}

/** Whether a worker could take another reading. */
export type PrepareResult = { readonly warnings: readonly string[] } | { readonly failure: Failure };

/** Signals reach a whole group of processes; the primary decides what comes of them. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The others wait until the first worker listens; the primary ends them all when it does not. */
const HELLO_MS = 120_000;

interface Working {
  readonly gateway: Gateway;
  /** Where the log of this worker comes from: its level and form change with a reload. */
  readonly root: RootLog;
}

/** Serves until the primary ends it; the process ends with its way to the primary. */
export async function runWorker(): Promise<void> {
  for (const signal of SIGNALS) process.on(signal, () => undefined);
  const wire = new Rpc((message) => void process.send?.(message));
  process.on('message', (message) => void wire.receive(message));
  const working = start(wire);
  wire.on('settle', async (ms: number) => (await working).gateway.settle(ms));
  wire.on('close', async () => (await working).gateway.close());
  // Told rather than answered: what was told before this process crashed still counts.
  wire.on('count', async (scraped: boolean) => wire.notify('counts', (await working).gateway.counts(scraped)));
  handleReloads(wire, working);
  try {
    const facts: WorkerFacts = { port: (await working).gateway.address.port };
    wire.notify('ready', facts);
  } catch (error) {
    wire.notify('failed', failureOf(error));
  }
}

async function start(wire: Rpc): Promise<Working> {
  const strays = new UncaughtErrors();
  catchUncaughtErrors(strays.take);
  const duty = await wire.call<Assignment>('hello', undefined, { within: HELLO_MS });
  const { number, reading, sharedState, announces } = duty;
  const root = createLog({ ...reading.config.log, write: (line) => void process.stderr.write(line) });
  const log = root.with({ worker: number });
  const gateway = await openGateway(reading, { log, announces, sharedState: sharedStateOver(wire, sharedState) });
  strays.report((facts) => log.error('stray error', { ...facts }));
  return { gateway, root };
}

/** Says that it was not there when the others prepared. */
export const NOT_PREPARED = 'it was not prepared';

/** Two steps, so that all workers take another reading or none does. */
function handleReloads(wire: Rpc, working: Promise<Working>): void {
  let next: { readonly prepared: Prepared; readonly reading: SettingsFiles } | undefined;
  /** What is prepared may take long, and nobody wait for it any more when it is. */
  let turn = 0;
  const drop = async (): Promise<void> => {
    turn += 1;
    const dropped = next;
    next = undefined;
    await dropped?.prepared.drop();
  };
  wire.on('prepare', async (reading: SettingsFiles): Promise<PrepareResult> => {
    await drop();
    const mine = turn;
    // One that cannot even start has no say in what comes next: that is no failure of the reload.
    const { gateway } = await working;
    try {
      const prepared = await prepareRuntimeSettings(gateway, reading);
      if (mine !== turn) {
        await prepared.drop();
        throw new Error('another reload came meanwhile');
      }
      next = { prepared, reading };
      return { warnings: prepared.warnings };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  });
  wire.on('take', async () => {
    if (next === undefined) throw new Error(NOT_PREPARED);
    const { prepared, reading } = next;
    next = undefined;
    await prepared.take();
    (await working).root.adjust(reading.config.log);
  });
  wire.on('drop', drop);
}
