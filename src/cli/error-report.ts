import { stripVTControlCharacters } from 'node:util';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';
import { nearest } from '../yaml/nearest.js';
import { EXIT } from './exit.js';

/** An error, ready to be printed. */
export interface ErrorReport {
  readonly exit: number;
  readonly code: string;
  readonly message: string;
  readonly place?: string;
  readonly hint?: string;
}

/** The command that failed, for hints. */
export interface Context {
  /** `rdgw mkrdp` */
  readonly command: string;
  /** Names of the command's flags, without dashes. */
  readonly flags: readonly string[];
}

/** Longer arguments are cut in messages: this keeps them readable and does not print a pasted secret in full. */
const MAX_QUOTED = 64;

/**
 * Converts anything that was thrown into a message and an exit code. Everything except a `Fault`, an error of the
 * command line and a known system error is reported as a bug in rdgw.
 */
export function errorReportOf(error: unknown, context: Context): ErrorReport {
  const flag = error instanceof Error ? FLAG_PARSER.exec(error.message)?.groups : undefined;
  if (flag !== undefined) {
    const { code = 'USAGE', hint } = error instanceof Fault ? error : {};
    const message = lowerFirst(firstLine(flag.message ?? ''));
    return { exit: EXIT.usage, code, message, place: flag.name ?? '', ...(hint && { hint }) };
  }
  if (error instanceof Fault) {
    const { kind, code, message, place, hint } = error;
    return { exit: EXIT[kind], code, message, ...(place && { place }), ...(hint && { hint }) };
  }
  if (isParseError(error)) return usageReport(error, context);
  const errno = errnoOf(error);
  if (errno !== undefined && SYSTEM_ERRORS[errno] !== undefined) {
    const path = (error as NodeJS.ErrnoException).path;
    return { exit: EXIT.configuration, code: errno, message: SYSTEM_ERRORS[errno], ...(path && { place: path }) };
  }
  return {
    exit: EXIT.bug,
    code: 'BUG',
    message: firstLine(error instanceof Error ? error.message || error.name : String(error)),
    hint: 'this is a bug in rdgw; set DEBUG=rdgw to print the stack trace',
  };
}

/** The lines `error: message (CODE) at place` and `hint: …`, without colour. */
export function errorReportLines({ code, message, place, hint }: ErrorReport): readonly string[] {
  const where = place === undefined ? '' : ` at ${firstLine(place)}`;
  return [
    `error: ${firstLine(message)} (${code})${where}`,
    ...(hint === undefined ? [] : [`hint: ${firstLine(hint)}`]),
  ];
}

/** An argument of the command line, cut and in quotes, without control characters. */
export function quoteArgument(argument: string): string {
  const cut = argument.length > MAX_QUOTED ? `${argument.slice(0, MAX_QUOTED)}…` : argument;
  return JSON.stringify(cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?'));
}

/** System errors that the administrator can resolve and that are therefore not reported as a bug. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  EIO: 'the device reports an error',
};

/** oclif's wrapper around the message of an error that the parser of a flag throws. */
const FLAG_PARSER = /^Parsing (?<name>--[\w-]+) \n\t(?<message>.*)\nSee more help with --help$/s;

interface ParseError extends Error {
  readonly flags?: readonly unknown[];
  readonly args?: readonly unknown[];
}

/**
 * oclif does not export the error classes of its parser. All of them have an `oclif` property, which only oclif sets.
 */
function isParseError(error: unknown): error is ParseError {
  return error instanceof Error && 'oclif' in error;
}

function usageReport(error: ParseError, { command, flags }: Context): ErrorReport {
  const report = (code: string, message: string, hint = `see ${command} --help`): ErrorReport => ({
    exit: EXIT.usage,
    code,
    message,
    hint,
  });
  const [flag] = (error.flags ?? []).map(String);
  if (error.constructor.name === 'NonExistentFlagsError') {
    const name = (flag ?? '').replace(/^-+/, '').replace(/=.*$/s, '');
    const suggestion = nearest(name, flags);
    const hint = suggestion === undefined ? undefined : `did you mean --${suggestion}?`;
    return report('UNKNOWN_FLAG', `unknown flag ${quoteArgument(`--${name}`)}`, hint);
  }
  if (error.constructor.name === 'UnexpectedArgsError') {
    return report('UNEXPECTED_ARGUMENT', `unexpected argument ${quoteArgument(String(error.args?.[0] ?? ''))}`);
  }
  const message = stripVTControlCharacters(error.message)
    .replace(/\s*See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Missing required flag (?=[\w-])/, 'missing required flag --')
    // Removes the value of the flag, which may be a secret.
    .replace(/(--[\w-]+)=.* (?=cannot also be provided)/s, '$1 ');
  return report('USAGE', lowerFirst(firstLine(message)));
}

function firstLine(text: string): string {
  return text
    .replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '?')
    .trim();
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
