import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Lab } from './lab.js';
import { isRunning, processTree, signal } from './processes.js';
import { until } from './until.js';

/** How long a program has to say that it is ready. */
const READY_LIMIT_MS = 15_000;
/** How long it has to end by itself once it was asked to; a session of xrdp takes longest. */
const END_LIMIT_MS = 3_000;
/** And how long the kernel has after that. */
const KILL_LIMIT_MS = 5_000;
/** What a chatty client may say before the beginning of it is dropped. */
const OUTPUT_LIMIT = 4 << 20;

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Asked until it no longer says `undefined` or `false`; without it the child is ready at once. */
  readonly ready?: (child: Child) => unknown;
  readonly readyLimitMs?: number;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Standard output and standard error as they came. */
  output(): string;
  /** `undefined` while it runs; 128 + the number of the signal that ended it, as a shell would say. */
  exitCode(): number | undefined;
  /** The exit code; fails after the limit. */
  ended(limitMs: number): Promise<number>;
  /** Ends it and every process below it. */
  stop(): Promise<void>;
}

/** Starts a program that runs until the lab is closed, at the latest, and waits until it is ready. */
export async function startChild(
  lab: Lab,
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<Child> {
  // setpriv lets the kernel end the program when this process dies, even by a signal that cannot be caught.
  const spawned = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args], {
    cwd: options.cwd ?? lab.folder,
    env: { PATH: lab.path, LC_ALL: 'C.UTF-8', HOME: lab.folder, ...lab.tag, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let code: number | undefined;
  let spawnError: Error | undefined;
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_LIMIT);
  };
  spawned.stdout.setEncoding('utf8').on('data', keep);
  spawned.stderr.setEncoding('utf8').on('data', keep);
  spawned.once('error', (error) => {
    spawnError = error;
  });
  spawned.once('exit', (status, name) => {
    code = status ?? 128 + (name === null ? 0 : signalNumber(name));
  });
  await new Promise<void>((resolve) => spawned.once('spawn', resolve).once('error', () => resolve()));
  if (spawnError !== undefined || spawned.pid === undefined) throw new Error(`cannot start ${program}: ${spawnError}`);

  const child: Child = {
    name: program,
    pid: spawned.pid,
    output: () => output,
    exitCode: () => code,
    ended: (limitMs) => until(`${program} to end; it said:\n${tail(output)}`, limitMs, () => code),
    stop: () => stopTree(spawned.pid as number),
  };
  lab.onClose(child.stop);
  const { ready } = options;
  if (ready !== undefined) {
    await until(`${program} to be ready`, options.readyLimitMs ?? READY_LIMIT_MS, async () => {
      if (code !== undefined) throw new Error(`${program} ended with ${code} before it was ready`);
      return await ready(child);
    }).catch(async (error: Error) => {
      await child.stop();
      throw new Error(`${error.message}; it said:\n${tail(output)}`);
    });
  }
  return child;
}

/** The last lines, enough for an error message. */
export function tail(output: string, lines = 25): string {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}

/** INVARIANT: the tree is read before its root is asked to end, since orphans can no longer be told from strangers. */
async function stopTree(pid: number): Promise<void> {
  const tree = processTree(pid);
  for (const process of tree) signal(process, 'SIGTERM');
  const gone = (): boolean => !tree.some(isRunning);
  await until('processes to end', END_LIMIT_MS, gone, 20).catch(async () => {
    for (const process of tree) signal(process, 'SIGKILL');
    await until(`killed processes to be gone: ${tree.map((process) => process.name)}`, KILL_LIMIT_MS, gone, 20);
  });
}

function signalNumber(name: NodeJS.Signals): number {
  return constants.signals[name];
}
