// Loaded into relays that run in Node: how late their event loop was between two signals. Until the first one it does nothing.
const { renameSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** A timer fires as often; what an interval has above this is delay. */
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
  // In microseconds. Renamed, so that nobody reads half of it.
  writeFileSync(`${file}.part`, String(Math.max(0, probe.percentile(99) / 1000 - RESOLUTION_MS * 1000)));
  renameSync(`${file}.part`, file);
  probe = undefined;
});
