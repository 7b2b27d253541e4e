#!/usr/bin/env node
// Each DNS lookup blocks a libuv thread until the resolver answers, and lookups may use half of the threads. With
// Node's default of four, two names without an answer would block all other lookups. Set before any module starts the
// threads.
process.env.UV_THREADPOOL_SIZE ??= '32';

// By default Node.js starts its debugger on SIGUSR1, for every local user, and SIGUSR2 ends the process. Log rotation and
// monitoring send both to services. A listener prevents that, here before any module is loaded. `serve` adds its own.
for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => {});
// One that came before this line starts it by an event that the first turn of the event loop has taken.
const { execArgv, env } = process;
const wantsDebugger = [...execArgv, env.NODE_OPTIONS ?? ''].join(' ').includes('--inspect');
if (!wantsDebugger) setImmediate(() => require('node:inspector').close());

const { join } = require('node:path');

import('@oclif/core').then(({ execute }) =>
  // By default oclif loads plugins from the data folder, which contains keys, no code, and may not be readable.
  execute({ loadOptions: { root: join(__dirname, '..'), userPlugins: false } }),
);
