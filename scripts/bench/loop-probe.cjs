// Preloaded into relays that run in Node. Measures the event loop between two SIGUSR2.
const { renameSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** Interval of the monitor's timer. The part of a measured interval that exceeds it is delay. */
const RESOLUTION_MS = 1;
const file = process.env.BENCH_LOOP_FILE;
let probe;

/** The CPU time of the process in microseconds. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function start() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let [last, longest] = [cpu(), 0];
  // A timer waits for the end of a turn. In contrast to the delay, CPU time does not grow while other processes run.
  const timer = setInterval(() => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
  }, RESOLUTION_MS);
  return {
    stop() {
      delay.disable();
      clearInterval(timer);
      return { delay: Math.max(0, delay.percentile(99) / 1000 - RESOLUTION_MS * 1000), longest };
    },
  };
}

process.on('SIGUSR2', () => {
  if (!probe) {
    probe = start();
    return;
  }
  // In microseconds. The file is renamed when complete, so that the reader never gets a partial one.
  writeFileSync(`${file}.part`, JSON.stringify(probe.stop()));
  renameSync(`${file}.part`, file);
  probe = undefined;
});
