// Programs under test and beside it: started on a core of their own, spoken to in lines, ended by their id.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tree } from './cpu.js';

/** How long a program may take to say a line; opening 2000 sessions on a busy machine takes ten seconds. */
const PATIENCE_MS = 120_000;

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
   * `core` is where it has to run, one or a list for taskset, `priority` one of the real-time classes; both are those of its threads and children too. `log` is a
   * file for what it says on stderr; without one it goes to ours.
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

  /** The next line it says. */
  line() {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#child.spawnargs.join(' ')} says nothing`)), PATIENCE_MS);
      const settle = (what) => (value) => {
        clearTimeout(timer);
        what(value);
      };
      this.#waiting.push({ resolve: settle(resolve), reject: settle(reject) });
    });
  }

  say(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** With everything it has started itself. */
  kill() {
    for (const pid of tree(this.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was faster.
      }
    }
  }

  async stop() {
    if (this.#ended) return;
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    this.kill();
    await gone;
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
