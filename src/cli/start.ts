import type { Hook } from '@oclif/core';
import chalk, { chalkStderr } from 'chalk';
import { reportError } from './print-error.js';
import { goesOn, handOver } from './uncaught-errors.js';

/** oclif's `init` hook: what has to hold before any command runs. */
const start: Hook.Init = async ({ config }) => {
  // chalk does not know NO_COLOR (no-color.org). A pipe is no terminal unless somebody forces colour on it.
  const off = Boolean(process.env.NO_COLOR);
  if (off || (!process.stdout.isTTY && !process.env.FORCE_COLOR)) chalk.level = 0;
  if (off || (!process.stderr.isTTY && !process.env.FORCE_COLOR)) chalkStderr.level = 0;

  // A reader that has seen enough is success. oclif does the same for stdout.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    // Nor does a full disk under the log end a command that goes on: nothing can be said about it, and there is room again one day.
    if (error.code !== 'EPIPE' && !goesOn()) throw error;
  });

  // What no command caught, such as a full disk under stdout: the same words and the same table of exit codes.
  process.on('uncaughtException', (error) => {
    if (handOver(error)) return;
    process.exit(reportError(error, { command: config.bin, flags: [] }));
  });
};

export default start;
