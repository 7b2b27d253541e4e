import { chalkStderr } from 'chalk';
import { type Context, type ErrorReport, errorReportLines, errorReportOf } from './error-report.js';
import { EXIT } from './exit.js';

/**
 * Prints an error: as text to stderr, or as `{error: {code, message, place?, hint?}}` to stdout.
 * @returns the exit code.
 */
export function reportError(error: unknown, context: Context, form: 'text' | 'json' = 'text'): number {
  const report = errorReportOf(error, context);
  const { exit, ...facts } = report;
  if (form === 'json') process.stdout.write(`${JSON.stringify({ error: facts }, null, 2)}\n`);
  else for (const line of errorReportLines(report)) process.stderr.write(`${colour(line)}\n`);
  showStack(error, report);
  return exit;
}

/** Prints the stack trace of a bug if `DEBUG` contains `rdgw` or `*`. */
function showStack(error: unknown, { exit }: ErrorReport): void {
  const wanted = (process.env.DEBUG ?? '').split(/[\s,]+/).some((name) => name === 'rdgw' || name === '*');
  if (exit === EXIT.bug && wanted && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** Prints `warning: …` to stderr. */
export function reportWarning(message: string): void {
  process.stderr.write(`${chalkStderr.yellow('warning:')} ${message}\n`);
}

function colour(line: string): string {
  return line.replace(/^error:/, chalkStderr.red('error:')).replace(/^hint:/, chalkStderr.cyan('hint:'));
}
