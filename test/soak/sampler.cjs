// Loaded into the gateway by node --require: writes what only the process itself can tell, one JSON line each time. The product has no
// code for it. Plain JavaScript, since it runs where nothing is compiled for it.
const { appendFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { SOAK_SAMPLES: file, SOAK_SAMPLE_MS: every } = process.env;

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
  setInterval(write, Number(every)).unref();
  // Asked for by name: without garbage, so that two of these can be compared.
  process.on('SIGUSR2', () => {
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    setImmediate(() => {
      runInNewContext('gc')();
      write('collected');
    });
  });
}
