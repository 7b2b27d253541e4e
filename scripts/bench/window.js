// One look at a relay while traffic runs: what moved, what it cost, what it cost the generator.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuOf } from './cpu.js';

const LOOK_EVERY_MS = 20;
/** A relay that has little to do, or a core that is shared, never spends the time it was given. */
const PATIENCE = 3;

/** `desktop` is the generator whose desktop is behind the relay, `clients` the one whose sessions are looked at. */
export async function watch({ pid, clients, desktop = clients }, seconds) {
  const before = await look(pid, clients, desktop);
  await sleep(seconds * 1000);
  const after = await look(pid, clients, desktop);
  const moved = (name) => after[name] - before[name];
  const time = moved('ns') / 1e9;
  const { p50, p99, p999 } = after;
  return {
    seconds: time,
    bytes: moved('up') + moved('down'),
    trips: moved('trips'),
    opened: moved('opened'),
    resumed: moved('resumed'),
    /** Nanoseconds of the relay. */
    cpu: moved('cpu'),
    /** Of their cores: where both are far below 1, others had the machine. */
    shares: { core: moved('cpu') / 1e9 / time, generator: moved('generator') / 1e9 / time },
    /** In microseconds; NaN where no round trip came to its end. */
    latency:
      moved('trips') > 0 ? { p50: p50 / 1000, p99: p99 / 1000, p999: p999 / 1000 } : { p50: NaN, p99: NaN, p999: NaN },
  };
}

/** Waits until the relay has worked for some seconds (its code is compiled while it runs), or for a few times as long. */
export async function warmUp(pid, seconds) {
  const until = performance.now() + seconds * 1000 * PATIENCE;
  const enough = cpuOf(pid) + seconds * 1e9;
  do await sleep(LOOK_EVERY_MS);
  while (cpuOf(pid) < enough && performance.now() < until);
}

async function look(pid, clients, desktop) {
  const mark = await clients.mark();
  const far = desktop === clients ? mark : await desktop.mark();
  return { ...mark, up: far.up, generator: mark.cpu, cpu: cpuOf(pid) };
}
