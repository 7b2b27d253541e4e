import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Lab } from './lab.js';
import { isRunning, processTree, signal } from './processes.js';
import { until } from './until.js';

/** Limit until a program is ready. */
const READY_LIMIT_MS = 15_000;
/** Limit until a program ends after SIGTERM. A session of xrdp takes longest. */
const END_LIMIT_MS = 3_000;
/** Limit until a program ends after SIGKILL. */
const KILL_LIMIT_MS = 5_000;
/** Characters of output that are kept. Older output is dropped. */
const OUTPUT_LIMIT = 4 << 20;

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Polled until it returns something else than `undefined` or `false`. Without it the child is ready at once. */
  readonly ready?: (child: Child) => unknown;
  readonly readyLimitMs?: number;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Standard output and standard error, interleaved as they arrived. */
  output(): string;
  /** `undefined` while it runs. As in a shell, 128 + the number of the signal that ended it. */
  exitCode(): number | undefined;
  /** Waits for the exit code. Rejects after the limit. */
  waitForExit(limitMs: number): Promise<number>;
  /** Ends the program and all its descendants. */
  stop(): Promise<void>;
}

/** Starts a program and waits until it is ready. It is stopped when the lab closes. */
export async function startChild(
  lab: Lab,
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<Child> {
  // With setpriv the kernel ends the program when this process dies, even after SIGKILL.
  const spawned = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args], {
    cwd: options.cwd ?? lab.folder,
    env: { PATH: lab.path, LC_ALL: 'C.UTF-8', HOME: lab.folder, ...lab.tag, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let code: number | undefined;
  let spawnError: Error | undefined;
  const append = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_LIMIT);
  };
  spawned.stdout.setEncoding('utf8').on('data', append);
  spawned.stderr.setEncoding('utf8').on('data', append);
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
    waitForExit: (limitMs) => until(`${program} to end; its output:\n${tail(output)}`, limitMs, () => code),
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
      throw new Error(`${error.message}; its output:\n${tail(output)}`);
    });
  }
  return child;
}

/** The last lines of the output, for an error message. */
export function tail(output: string, lines = 25): string {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * INVARIANT: the tree is read before its root gets a signal, because orphans cannot be attributed to the tree any more.
 */
async function stopTree(pid: number): Promise<void> {
  const tree = processTree(pid);
  for (const process of tree) signal(process, 'SIGTERM');
  const ended = (): boolean => !tree.some(isRunning);
  await until('processes to end', END_LIMIT_MS, ended, 20).catch(async () => {
    for (const process of tree) signal(process, 'SIGKILL');
    await until(`killed processes to end: ${tree.map((process) => process.name)}`, KILL_LIMIT_MS, ended, 20);
  });
}

function signalNumber(name: NodeJS.Signals): number {
  return constants.signals[name];
}
