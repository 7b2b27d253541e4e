/** One of the processes that serve a gateway together: started by the primary, with its settings, and told by it when to end. */
import { Strays, takeStrays } from './cli/stray.js';
import type { Config } from './config/schema.js';
import type { Commons } from './gateway/commons.js';
import type { IdShare } from './gateway/ids.js';
import { serve } from './serve.js';
import { commonsOver } from './serve-commons.js';
import { failureOf } from './serve-failure.js';
import { Wire } from './serve-wire.js';

/** What a worker is told at its start. */
export interface Duty {
  /** From 1. */
  readonly number: number;
  /** The settings of the primary: a file that was changed meanwhile must not make workers differ. */
  readonly config: Config;
  readonly commons: { readonly ids: IdShare; readonly crossing: Commons['crossing'] };
  /** Whether it says what all workers have to say at a start. */
  readonly announces: boolean;
}

/** What a worker tells once it listens. */
export interface WorkerFacts {
  readonly name: string;
  readonly port: number;
  readonly ca: string | undefined;
}

/** Signals reach a whole group of processes; the primary decides what comes of them. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The others wait until the first worker listens; the primary ends them all when it does not. */
const HELLO_MS = 120_000;

/** Serves until the primary ends it; the process ends with its way to the primary. */
export async function runWorker(dataDir: string): Promise<void> {
  for (const signal of SIGNALS) process.on(signal, () => undefined);
  const wire = new Wire((message) => void process.send?.(message));
  process.on('message', (message) => void wire.receive(message));
  const strays = new Strays();
  takeStrays(strays.take);
  try {
    const { number, config, commons, announces } = await wire.ask<Duty>('hello', undefined, { within: HELLO_MS });
    const { gateway, log, name, port, ca } = await serve({
      config,
      dataDir,
      writeLog: (line) => void process.stderr.write(line),
      worker: { number, announces, commons: commonsOver(wire, commons) },
    });
    strays.tell((facts) => log.error('stray error', { ...facts }));
    wire.on('settle', (ms: number) => gateway.settle(ms));
    wire.on('close', () => gateway.close());
    const facts: WorkerFacts = { name, port, ca };
    wire.tell('ready', facts);
  } catch (error) {
    wire.tell('failed', failureOf(error));
  }
}
