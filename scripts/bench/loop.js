// Measures the event loop delay of relays in Node with a module that is preloaded into them (loop-probe.cjs).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { measureWindow } from './window.js';

const PROBE = fileURLToPath(new URL('loop-probe.cjs', import.meta.url));
const POLL_INTERVAL_MS = 5;
const MAX_POLLS = 2000;
let files = 0;

/** The environment that preloads the probe into a relay, and the file to which the probe writes its result. */
export function loopProbe(folder, env) {
  files += 1;
  const file = join(folder, `loop-${files}`);
  const options = [env.NODE_OPTIONS, `--require="${PROBE}"`].filter(Boolean).join(' ');
  return { file, env: { ...env, NODE_OPTIONS: options, BENCH_LOOP_FILE: file } };
}

/**
 * Like `measureWindow`, with `loop`, the 99th percentile of the event loop delay in the window, in microseconds. It is
 * NaN for relays that do not run in Node.
 */
export async function measureWindowAndLoop({ relay, ...processes }, seconds) {
  const { result, delay } = await probeLoop(relay, () => measureWindow(processes, seconds));
  return { ...result, loop: delay };
}

/**
 * Calls `act` and resolves with its `result`, the 99th percentile of the event loop `delay` meanwhile, and the CPU time
 * of the `longest` turn, both in microseconds. The longest turn is too long by up to a millisecond, because the probe
 * looks once in a millisecond. NaN for relays that do not run in Node.
 */
export async function probeLoop({ pid, loopFile: file }, act) {
  if (file === undefined) return { result: await act(), delay: Number.NaN, longest: Number.NaN };
  process.kill(pid, 'SIGUSR2');
  const result = await act();
  process.kill(pid, 'SIGUSR2');
  for (let polls = 0; !existsSync(file); polls++) {
    if (polls === MAX_POLLS) throw new Error('a relay did not report its event loop delay');
    await sleep(POLL_INTERVAL_MS);
  }
  const measured = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  return { result, ...measured };
}
