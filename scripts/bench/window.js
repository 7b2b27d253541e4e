// Measures payload, round trips, and CPU time of relay and generator in a window of time.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuOf } from './cpu.js';

const POLL_INTERVAL_MS = 20;
/**
 * Limit of a warm-up, times the wanted CPU time: a relay with little load or on a shared core may never use that much.
 */
const WARM_UP_LIMIT = 3;

/** `clients` is the generator whose sessions are measured, `desktop` the one whose desktop is behind the relay. */
export async function measureWindow({ pid, clients, desktop = clients }, seconds) {
  const before = await sample(pid, clients, desktop);
  await sleep(seconds * 1000);
  const after = await sample(pid, clients, desktop);
  const delta = (name) => after[name] - before[name];
  const time = delta('ns') / 1e9;
  const { p50, p99, p999 } = after;
  return {
    seconds: time,
    bytes: delta('up') + delta('down'),
    trips: delta('trips'),
    opened: delta('opened'),
    resumed: delta('resumed'),
    /** CPU time of the relay in nanoseconds. */
    cpu: delta('cpu'),
    /** Shares of a core. If both are far below 1, other processes used the machine. */
    shares: { core: delta('cpu') / 1e9 / time, generator: delta('generator') / 1e9 / time },
    /** In microseconds; NaN if no round trip was completed. */
    latency:
      delta('trips') > 0 ? { p50: p50 / 1000, p99: p99 / 1000, p999: p999 / 1000 } : { p50: NaN, p99: NaN, p999: NaN },
  };
}

/** Waits until the relay has used some seconds of CPU time, so that its code is compiled, or until the limit. */
export async function warmUp(pid, seconds) {
  const deadline = performance.now() + seconds * 1000 * WARM_UP_LIMIT;
  const enough = cpuOf(pid) + seconds * 1e9;
  do await sleep(POLL_INTERVAL_MS);
  while (cpuOf(pid) < enough && performance.now() < deadline);
}

async function sample(pid, clients, desktop) {
  const clientMark = await clients.mark();
  const desktopMark = desktop === clients ? clientMark : await desktop.mark();
  return { ...clientMark, up: desktopMark.up, generator: clientMark.cpu, cpu: cpuOf(pid) };
}
