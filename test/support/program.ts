import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CLI_ROOT, checkBuild } from './cli.js';

/** The executable of the package, which a shell runs as `rdgw`. */
export const RDGW = join(CLI_ROOT, 'bin', 'run.js');

/** A running program. */
export interface Program {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly code: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the pattern matches stdout or stderr. Rejects when the program ends without a match. */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface ProgramOptions {
  readonly cwd: string;
  /** The complete environment. PATH is inherited if it is not included. */
  readonly env: Readonly<Record<string, string>>;
  /** A file descriptor for stderr, which is then not captured. */
  readonly stderr?: number;
}

/** Starts the compiled `rdgw`. */
export function startRdgw(args: readonly string[], options: ProgramOptions): Program {
  return start(process.execPath, [RDGW, ...args], options);
}

export function start(file: string, args: readonly string[], { cwd, env, stderr }: ProgramOptions): Program {
  checkBuild();
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', stderr ?? 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const listeners: (() => void)[] = [];
  const code = once(child, 'close').then(([exit]) => exit as number | null);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    code,
    kill: (signal) => void child.kill(signal),
    waitForOutput: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = pattern.exec(`${output.stdout}\n${output.stderr}`);
          if (match) resolve(match);
        };
        listeners.push(check);
        check();
        void code.then((exit) => reject(new Error(`ended with ${exit}: ${output.stdout}${output.stderr}`)));
      }),
  };
}
