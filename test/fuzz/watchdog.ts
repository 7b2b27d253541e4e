/**
 * Detects hangs: a separate thread kills the process if one input takes too long, which the blocked main thread cannot
 * do.
 */
import { Worker } from 'node:worker_threads';

/** Longest time for one input in milliseconds. Inputs take less than a hundredth of it on a slow machine. */
const MAX_INPUT_MS = 10_000;
const MAX_INPUT = 512 * 1024;

/** The code of the thread. It is plain JavaScript, because it is not compiled. */
const WATCH = `
const { workerData: { state, input, file, longest } } = require('node:worker_threads');
const { writeFileSync } = require('node:fs');
let last = -1, since = Date.now();
setInterval(() => {
  const [turn, length] = state;
  if (turn !== last) { last = turn; since = Date.now(); return; }
  if (length === 0 || Date.now() - since < longest) return;
  writeFileSync(file, input.slice(0, length));
  process.stderr.write('fuzz: an input takes longer than ' + longest + ' ms: ' + file + '\\n');
  process.kill(process.pid, 'SIGKILL');
}, 500);
`;

export class Watchdog {
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #input = new Uint8Array(new SharedArrayBuffer(MAX_INPUT));
  readonly #worker: Worker;

  /** @param file where the input that hangs is written */
  constructor(file: string) {
    const workerData = { state: this.#state, input: this.#input, file, longest: MAX_INPUT_MS };
    this.#worker = new Worker(WATCH, { eval: true, workerData });
    this.#worker.unref();
  }

  /** Starts the time for an input. */
  begin(input: Buffer): void {
    this.#input.set(input.subarray(0, MAX_INPUT));
    this.#state[1] = Math.min(input.length, MAX_INPUT);
    this.#state[0] = (this.#state[0] as number) + 1;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
