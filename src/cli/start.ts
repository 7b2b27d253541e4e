import type { Hook } from '@oclif/core';
import chalk, { chalkStderr } from 'chalk';
import { reportError } from './print-error.js';
import { handleUncaughtError, hasUncaughtErrorHandler } from './uncaught-errors.js';

/** oclif's `init` hook, which runs before any command. */
const start: Hook.Init = async ({ config }) => {
  // chalk ignores NO_COLOR (no-color.org). A pipe gets colours only with FORCE_COLOR.
  const off = Boolean(process.env.NO_COLOR);
  if (off || (!process.stdout.isTTY && !process.env.FORCE_COLOR)) chalk.level = 0;
  if (off || (!process.stderr.isTTY && !process.env.FORCE_COLOR)) chalkStderr.level = 0;

  // A closed pipe is not an error. oclif does the same for stdout.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    // A full disk under the log does not end a long-running command: it cannot be reported, and may have space again
    // later.
    if (error.code !== 'EPIPE' && !hasUncaughtErrorHandler()) throw error;
  });

  // Errors that no command caught, such as a full disk under stdout, get the same messages and exit codes.
  process.on('uncaughtException', (error) => {
    if (handleUncaughtError(error)) return;
    process.exit(reportError(error, { command: config.bin, flags: [] }));
  });
};

export default start;
