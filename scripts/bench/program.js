// Starts programs on given cores, exchanges lines with them, and ends them with their descendants.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tree } from './cpu.js';

/** Limit for the next line of a program. Opening 2000 sessions on a busy machine takes ten seconds. */
const LINE_TIMEOUT_MS = 120_000;

const running = new Set();
process.on('exit', () => {
  for (const program of running) program.kill();
});

export class Program {
  #child;
  #waiting = [];
  #lines = [];
  #ended;
  #log;

  /**
   * `core` is a core or a list of cores for taskset, `priority` the arguments of chrt; threads and children inherit
   * both. `log` is a file for stderr, which is inherited without it.
   */
  constructor(file, args, { core, priority, env = process.env, log } = {}) {
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
    const [command, ...rest] = [...pinned, ...(priority ? ['chrt', ...priority] : []), file, ...args];
    this.#log = log === undefined ? 'inherit' : openSync(log, 'a');
    this.#child = spawn(command, rest, { env, stdio: ['pipe', 'pipe', this.#log] });
    running.add(this);
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('exit', (code, signal) => this.#end(new Error(`${file} ended with ${signal ?? code}`)));
    createInterface(this.#child.stdout).on('line', (line) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting.resolve(line);
      else this.#lines.push(line);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves with the next line of stdout. Rejects when the program ends or prints nothing in time. */
  readLine() {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const error = new Error(`${this.#child.spawnargs.join(' ')} printed nothing in time`);
      const timer = setTimeout(() => reject(error), LINE_TIMEOUT_MS);
      const settle = (callback) => (value) => {
        clearTimeout(timer);
        callback(value);
      };
      this.#waiting.push({ resolve: settle(resolve), reject: settle(reject) });
    });
  }

  writeLine(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Kills the program and all its descendants. */
  kill() {
    for (const pid of tree(this.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // The process has already ended.
      }
    }
  }

  async stop() {
    if (this.#ended) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.kill();
    await closed;
  }

  #end(error) {
    running.delete(this);
    this.#ended = error;
    if (typeof this.#log === 'number') closeSync(this.#log);
    this.#log = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

export function run(file, args, options = {}) {
  return execFileSync(file, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
}
