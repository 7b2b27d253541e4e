import { Errors, type Hook, type Interfaces } from '@oclif/core';
import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import { quoteWord } from './error-report.js';
import { reportError } from './print-error.js';

/** oclif's `command_not_found` hook: without it an unknown command would end with another code than a usage error. */
const notFound: Hook.CommandNotFound = async ({ id, config }) => {
  throw refuseCommand(id, config);
};

export default notFound;

/**
 * Says that there is no such command and what was probably meant.
 * @param id the words of the command line joined by colons, as oclif has them.
 * Returns the error to throw: oclif ends with its code and prints nothing more.
 */
export function refuseCommand(id: string, config: Interfaces.Config): Errors.ExitError {
  const context = { command: config.bin, flags: [] };
  const form = asksForJson(process.argv.slice(2)) ? 'json' : 'words';
  return new Errors.ExitError(reportError(faultFor(id, config), context, form));
}

/** Where no command is found, none has read its flags: what a command would have done with `--json`. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? words.length : end).includes('--json');
}

/** The longest beginning of the words that is a command, with what follows it. */
export function splitCommand(
  id: string,
  config: Interfaces.Config,
): { command: string; rest: readonly string[] } | undefined {
  const words = id.split(':');
  for (let length = words.length; length > 0; length -= 1) {
    const command = words.slice(0, length).join(':');
    if (config.commandIDs.includes(command)) return { command, rest: words.slice(length) };
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
      `there is no flag ${quoteWord(id)} before a command`,
      `flags follow the command; ${list}`,
    );
  }
  const split = splitCommand(id, { commandIDs } as Interfaces.Config);
  if (split !== undefined) {
    const command = `${bin} ${split.command.replaceAll(':', ' ')}`;
    const message = `unexpected argument ${quoteWord(split.rest[0] ?? '')} after ${command}`;
    return usage('UNEXPECTED_ARGUMENT', message, `${command} --help lists what there is`);
  }
  const words = id.split(':');
  const known = [...commandIDs, ...topics.map(({ name }) => name)];
  // Somebody may have mistyped the command and gone on with its arguments, so every beginning is compared.
  const guesses = words.map((_, index) => nearest(words.slice(0, words.length - index).join(':'), known));
  const guess = guesses.find((name) => name !== undefined)?.replaceAll(':', ' ');
  return usage(
    'UNKNOWN_COMMAND',
    `there is no command ${quoteWord(words.join(' '))}`,
    guess === undefined ? list : `did you mean ${bin} ${guess}? ${list}`,
  );
}
