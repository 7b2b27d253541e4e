// Preloaded into relays that run in Node. Measures the event loop delay between two SIGUSR2.
const { renameSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** Interval of the monitor's timer. The part of a measured interval that exceeds it is delay. */
const RESOLUTION_MS = 1;
const file = process.env.BENCH_LOOP_FILE;
let probe;

process.on('SIGUSR2', () => {
  if (!probe) {
    probe = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    probe.enable();
    return;
  }
  probe.disable();
  // In microseconds. The file is renamed when complete, so that the reader never gets a partial one.
  writeFileSync(`${file}.part`, String(Math.max(0, probe.percentile(99) / 1000 - RESOLUTION_MS * 1000)));
  renameSync(`${file}.part`, file);
  probe = undefined;
});
