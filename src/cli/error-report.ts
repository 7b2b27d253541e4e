import { stripVTControlCharacters } from 'node:util';
import { Fault } from '../fault.js';
import { errnoOf } from '../files.js';
import { nearest } from '../yaml/nearest.js';
import { EXIT } from './exit.js';

/** Anything that went wrong, ready to be said. */
export interface ErrorReport {
  readonly exit: number;
  readonly code: string;
  readonly message: string;
  readonly place?: string;
  readonly hint?: string;
}

/** What the command line was about, for hints. */
export interface Context {
  /** `rdgw mkrdp` */
  readonly command: string;
  /** Flags of the command without dashes. */
  readonly flags: readonly string[];
}

/** Words longer than this are cut; nobody reads on, and a pasted secret need not stand there in full. */
const WORD_MAX = 64;

/** Turns whatever was thrown into words and an exit code. What is neither a fault, nor the command line, is our bug. */
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
  if (isParseError(error)) return usageTrouble(error, context);
  const errno = errnoOf(error);
  if (errno !== undefined && ENVIRONMENT[errno] !== undefined) {
    const path = (error as NodeJS.ErrnoException).path;
    return { exit: EXIT.configuration, code: errno, message: ENVIRONMENT[errno], ...(path && { place: path }) };
  }
  return {
    exit: EXIT.bug,
    code: 'BUG',
    message: firstLine(error instanceof Error ? error.message || error.name : String(error)),
    hint: 'this is a bug in rdgw; DEBUG=rdgw shows where it happened',
  };
}

/** `error: message (CODE) at place` and `hint: …`, as plain lines. */
export function errorReportLines({ code, message, place, hint }: ErrorReport): readonly string[] {
  const where = place === undefined ? '' : ` at ${firstLine(place)}`;
  return [
    `error: ${firstLine(message)} (${code})${where}`,
    ...(hint === undefined ? [] : [`hint: ${firstLine(hint)}`]),
  ];
}

/** A word of the command line as a message repeats it. */
export function quoteWord(word: string): string {
  const cut = word.length > WORD_MAX ? `${word.slice(0, WORD_MAX)}…` : word;
  return JSON.stringify(cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?'));
}

/** What a machine lacks rather than we: nobody can mend the disk in our code. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  EIO: 'the device reports an error',
};

/** oclif writes this around the message of whatever the parser of a flag throws. */
const FLAG_PARSER = /^Parsing (?<name>--[\w-]+) \n\t(?<message>.*)\nSee more help with --help$/s;

interface ParseError extends Error {
  readonly flags?: readonly unknown[];
  readonly args?: readonly unknown[];
}

/** oclif does not export the classes of its parser's errors; what they share is `oclif.exit`, which only it sets. */
function isParseError(error: unknown): error is ParseError {
  return error instanceof Error && 'oclif' in error;
}

function usageTrouble(error: ParseError, { command, flags }: Context): ErrorReport {
  const trouble = (code: string, message: string, hint = `${command} --help lists what there is`): ErrorReport => ({
    exit: EXIT.usage,
    code,
    message,
    hint,
  });
  const [flag] = (error.flags ?? []).map(String);
  if (error.constructor.name === 'NonExistentFlagsError') {
    const name = (flag ?? '').replace(/^-+/, '').replace(/=.*$/s, '');
    const meant = nearest(name, flags);
    const hint = meant === undefined ? undefined : `did you mean --${meant}?`;
    return trouble('UNKNOWN_FLAG', `there is no flag ${quoteWord(`--${name}`)}`, hint);
  }
  if (error.constructor.name === 'UnexpectedArgsError') {
    return trouble('UNEXPECTED_ARGUMENT', `unexpected argument ${quoteWord(String(error.args?.[0] ?? ''))}`);
  }
  const words = stripVTControlCharacters(error.message)
    .replace(/\s*See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Missing required flag (?=[\w-])/, 'missing required flag --')
    // The value of a flag may be a secret.
    .replace(/(--[\w-]+)=.* (?=cannot also be provided)/s, '$1 ');
  return trouble('USAGE', lowerFirst(firstLine(words)));
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
