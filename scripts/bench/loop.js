// How late the event loop of a relay is, told by the relay itself.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { watch } from './window.js';

const PROBE = fileURLToPath(new URL('loop-probe.cjs', import.meta.url));
const LOOK_EVERY_MS = 5;
const LOOKS = 2000;
let files = 0;

/** What a relay in Node needs in its environment, and where it will tell. */
export function loopProbe(folder, env) {
  files += 1;
  const file = join(folder, `loop-${files}`);
  const options = [env.NODE_OPTIONS, `--require="${PROBE}"`].filter(Boolean).join(' ');
  return { file, env: { ...env, NODE_OPTIONS: options, BENCH_LOOP_FILE: file } };
}

/** As `watch`, with the 99th percentile of the delay meanwhile, in microseconds; NaN for a relay that is not in Node. */
export async function watchLoop({ relay, ...what }, seconds) {
  const { pid, loopFile: file } = relay;
  if (file === undefined) return { ...(await watch(what, seconds)), loop: Number.NaN };
  process.kill(pid, 'SIGUSR2');
  const seen = await watch(what, seconds);
  process.kill(pid, 'SIGUSR2');
  for (let looks = 0; !existsSync(file); looks++) {
    if (looks === LOOKS) throw new Error('a relay does not tell how late its event loop was');
    await sleep(LOOK_EVERY_MS);
  }
  const loop = Number(readFileSync(file, 'utf8'));
  rmSync(file);
  return { ...seen, loop };
}
