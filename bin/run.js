#!/usr/bin/env node
// Each look-up of a name holds a thread until the resolver answers, and may use half of the threads there are: with Node's four, two
// names that nobody answers for would keep everybody else's waiting. Said before anything starts the threads, which modules do.
process.env.UV_THREADPOOL_SIZE ??= '32';

const { join } = require('node:path');

import('@oclif/core').then(({ execute }) =>
  // oclif would look for plugins in the data folder: what lies beside the keys is no program, and may not be readable.
  execute({ loadOptions: { root: join(__dirname, '..'), userPlugins: false } }),
);
