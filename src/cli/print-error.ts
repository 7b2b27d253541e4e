import { chalkStderr } from 'chalk';
import { type Context, type ErrorReport, errorReportLines, errorReportOf } from './error-report.js';
import { EXIT } from './exit.js';

/** Says what went wrong: in words on stderr, or as `{error: {code, message, place?, hint?}}` on stdout. Returns the exit code. */
export function reportError(error: unknown, context: Context, form: 'words' | 'json' = 'words'): number {
  const trouble = errorReportOf(error, context);
  const { exit, ...words } = trouble;
  if (form === 'json') process.stdout.write(`${JSON.stringify({ error: words }, null, 2)}\n`);
  else for (const line of errorReportLines(trouble)) process.stderr.write(`${paint(line)}\n`);
  showStack(error, trouble);
  return exit;
}

/** The stack of a bug, for those who asked with `DEBUG=rdgw`. */
function showStack(error: unknown, { exit }: ErrorReport): void {
  const wanted = (process.env.DEBUG ?? '').split(/[\s,]+/).some((name) => name === 'rdgw' || name === '*');
  if (exit === EXIT.bug && wanted && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** `warning: …` on stderr. */
export function reportWarning(message: string): void {
  process.stderr.write(`${chalkStderr.yellow('warning:')} ${message}\n`);
}

function paint(line: string): string {
  return line.replace(/^error:/, chalkStderr.red('error:')).replace(/^hint:/, chalkStderr.cyan('hint:'));
}
