// Preloaded into the gateway with node --require, so that the product needs no code for it. Writes memory use and
// handles of the process as JSON lines. Plain JavaScript, because it is not compiled.
const { appendFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { SOAK_SAMPLES: file, SOAK_SAMPLE_MS: interval } = process.env;

function write(note) {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const handles = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  const line = {
    pid: process.pid,
    at: performance.now() / 1000,
    note,
    heap: heapUsed,
    external,
    arrayBuffers,
    handles,
  };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

if (file) {
  setInterval(write, Number(interval)).unref();
  // A sample after garbage collection, so that samples can be compared.
  process.on('SIGUSR2', () => {
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    setImmediate(() => {
      runInNewContext('gc')();
      write('collected');
    });
  });
}
