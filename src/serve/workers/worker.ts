/** A worker: one of several processes that serve a gateway. The primary starts, configures and ends it. */
import { catchUncaughtErrors, UncaughtErrors } from '../../cli/uncaught-errors.js';
import { createLog, type RootLog } from '../../gateway/report/log.js';
import { type OpenedGateway, openGateway, type PreparedSettings, prepareRuntimeSettings } from '../gateway.js';
import type { SettingsFiles } from '../settings-files.js';
import { openLogOutput } from '../stderr.js';
import { type Failure, failureOf } from './failure.js';
import { Rpc } from './rpc.js';
import { type SharedStateOptions, sharedStateOver } from './shared-state.js';

/** What a worker gets from the primary at its start. */
export interface Assignment {
  /** Counted from 1. */
  readonly number: number;
  /** Read by the primary, so that all workers have the same even if a file changes meanwhile. */
  readonly settingsFiles: SettingsFiles;
  readonly sharedState: SharedStateOptions;
  /** Whether this worker logs the warnings of the start, which are the same for all workers. */
  readonly logsWarnings: boolean;
}

/** What a worker reports once it listens. */
export interface WorkerFacts {
  /** The ports of the entries of `listen`; undefined for a Unix socket. */
  readonly ports: readonly (number | undefined)[];
}

/** Whether a worker could prepare a reload. */
export type PrepareResult = { readonly warnings: readonly string[] } | { readonly failure: Failure };

/**
 * Ignored by workers: a terminal or a service manager sends them to the whole process group, and the primary handles
 * them. bin/run.js ignores SIGUSR1 and SIGUSR2.
 */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Workers other than the first wait until the first one listens. If it fails, the primary ends all of them. */
const ASSIGNMENT_MS = 120_000;

interface RunningWorker extends OpenedGateway {
  /** The log whose level and format change with a reload; all logs of this worker derive from it. */
  readonly rootLog: RootLog;
}

/** Serves until the primary ends it. The process exits when its IPC channel to the primary closes. */
export async function runWorker(): Promise<void> {
  for (const signal of SIGNALS) process.on(signal, () => undefined);
  const rpc = new Rpc((message) => void process.send?.(message));
  process.on('message', (message) => void rpc.receive(message));
  const running = start(rpc);
  rpc.on('drain sessions', async (ms: number) => (await running).gateway.settle(ms));
  rpc.on('reopen logs', async () => (await running).reopenLogs());
  rpc.on('use ticket keys', async (keys: Uint8Array) => (await running).gateway.useTicketKeys(keys));
  rpc.on('close', async () => (await running).gateway.close());
  // A notification instead of an answer: the primary also uses counts that arrive after its timeout.
  rpc.on('report counts', async (scraped: boolean) => rpc.notify('counts', (await running).gateway.counts(scraped)));
  handleReloads(rpc, running);
  try {
    const { addresses } = (await running).gateway;
    const facts: WorkerFacts = { ports: addresses.map((address) => address?.port) };
    rpc.notify('ready', facts);
  } catch (error) {
    rpc.notify('failed', failureOf(error));
  }
}

async function start(rpc: Rpc): Promise<RunningWorker> {
  const uncaught = new UncaughtErrors();
  catchUncaughtErrors(uncaught.handle);
  const assignment = await rpc.call<Assignment>('get assignment', undefined, { timeoutMs: ASSIGNMENT_MS });
  const { number, settingsFiles, sharedState, logsWarnings } = assignment;
  const output = openLogOutput();
  const rootLog = createLog({ ...settingsFiles.config.log, write: output.write });
  const log = rootLog.with({ worker: number });
  output.reportTo((lines) => log.event('log.dropped', { lines }));
  const shared = sharedStateOver(rpc, sharedState);
  const opened = await openGateway(settingsFiles, { log, logsWarnings, sharedState: shared });
  uncaught.reportTo((facts) => log.event('error.uncaught', { ...facts }));
  return { ...opened, rootLog };
}

/** The error of a worker that was started after the others prepared the reload. */
export const NOT_PREPARED = 'it was not prepared';

/** Handles the two steps of a reload: either all workers apply the new settings, or none does. */
function handleReloads(rpc: Rpc, running: Promise<RunningWorker>): void {
  let next: { readonly prepared: PreparedSettings; readonly files: SettingsFiles } | undefined;
  /** Preparing may take long. This number tells whether another reload replaced the prepared one meanwhile. */
  let reloadId = 0;
  const discard = async (): Promise<void> => {
    reloadId += 1;
    const discarded = next;
    next = undefined;
    await discarded?.prepared.discard();
  };
  rpc.on('prepare reload', async (files: SettingsFiles): Promise<PrepareResult> => {
    await discard();
    const ownId = reloadId;
    // If this worker cannot start at all, the call rejects, which the primary does not count as a failed reload.
    const { gateway } = await running;
    try {
      const prepared = await prepareRuntimeSettings(gateway, files);
      if (ownId !== reloadId) {
        await prepared.discard();
        throw new Error('another reload came meanwhile');
      }
      next = { prepared, files };
      return { warnings: prepared.warnings };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  });
  rpc.on('apply reload', async () => {
    if (next === undefined) throw new Error(NOT_PREPARED);
    const { prepared, files } = next;
    next = undefined;
    await prepared.apply();
    (await running).rootLog.adjust(files.config.log);
  });
  rpc.on('discard reload', discard);
}
