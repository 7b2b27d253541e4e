import { Errors, type Hook, type Interfaces } from '@oclif/core';
import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import { quoteArgument } from './error-report.js';
import { reportError } from './print-error.js';

/** oclif's `command_not_found` hook. Without it, the exit code for an unknown command is not that of a usage error. */
const notFound: Hook.CommandNotFound = async ({ id, config }) => {
  throw commandNotFoundError(id, config);
};

export default notFound;

/**
 * Prints that the command is unknown and suggests a similar one.
 * @param id the arguments of the command line joined by colons, as oclif passes them.
 * @returns the error to throw: oclif exits with its code and prints nothing more.
 */
export function commandNotFoundError(id: string, config: Interfaces.Config): Errors.ExitError {
  const context = { command: config.bin, flags: [] };
  const form = hasJsonFlag(process.argv.slice(2)) ? 'json' : 'text';
  return new Errors.ExitError(reportError(faultFor(id, config), context, form));
}

/** Whether the arguments before `--` contain `--json`. Without a command, no parser has read the flags. */
function hasJsonFlag(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

/** The longest prefix of the arguments that is a command, and the arguments after it. */
export function splitCommand(
  id: string,
  config: Interfaces.Config,
): { command: string; rest: readonly string[] } | undefined {
  const args = id.split(':');
  for (let length = args.length; length > 0; length -= 1) {
    const command = args.slice(0, length).join(':');
    if (config.commandIDs.includes(command)) return { command, rest: args.slice(length) };
  }
  return undefined;
}

function faultFor(id: string, { bin, commandIDs, topics }: Interfaces.Config): Fault {
  const usage = (code: string, message: string, hint: string): Fault =>
    new Fault({ kind: 'usage', code, message, hint });
  const list = `${bin} --help lists the commands`;
  if (id.startsWith('-')) {
    return usage(
      'UNKNOWN_FLAG',
      `unexpected flag ${quoteArgument(id)} before the command`,
      `put flags after the command; ${list}`,
    );
  }
  const split = splitCommand(id, { commandIDs } as Interfaces.Config);
  if (split !== undefined) {
    const command = `${bin} ${split.command.replaceAll(':', ' ')}`;
    const message = `unexpected argument ${quoteArgument(split.rest[0] ?? '')} after ${command}`;
    return usage('UNEXPECTED_ARGUMENT', message, `see ${command} --help`);
  }
  const args = id.split(':');
  const known = [...commandIDs, ...topics.map(({ name }) => name)];
  // Arguments may follow a mistyped command, so every prefix is compared.
  const guesses = args.map((_, index) => nearest(args.slice(0, args.length - index).join(':'), known));
  const guess = guesses.find((name) => name !== undefined)?.replaceAll(':', ' ');
  return usage(
    'UNKNOWN_COMMAND',
    `unknown command ${quoteArgument(args.join(' '))}`,
    guess === undefined ? list : `did you mean ${bin} ${guess}? ${list}`,
  );
}
