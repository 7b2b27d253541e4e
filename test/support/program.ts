import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CLI_ROOT, checkBuild } from './cli.js';

/** The file that a shell runs as `rdgw`. */
export const RDGW = join(CLI_ROOT, 'bin', 'run.js');

/** A program that goes on until it is told to end. */
export interface Program {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly code: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when this shows up on stdout or stderr; rejects when the program ends without it. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface ProgramOptions {
  readonly cwd: string;
  /** All there is but for PATH, unless it is here too. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the compiled `rdgw`. */
export function startRdgw(args: readonly string[], options: ProgramOptions): Program {
  return start(process.execPath, [RDGW, ...args], options);
}

export function start(file: string, args: readonly string[], { cwd, env }: ProgramOptions): Program {
  checkBuild();
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const listeners: (() => void)[] = [];
  const code = once(child, 'close').then(([exit]) => exit as number | null);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    code,
    kill: (signal) => void child.kill(signal),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(`${output.stdout}\n${output.stderr}`);
          if (match) resolve(match);
        };
        listeners.push(look);
        look();
        void code.then((exit) => reject(new Error(`ended with ${exit}: ${output.stdout}${output.stderr}`)));
      }),
  };
}
