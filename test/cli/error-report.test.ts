import { describe, expect, it } from 'vitest';
import { errorReportLines, errorReportOf } from '../../src/cli/error-report.js';
import { EXIT } from '../../src/cli/exit.js';
import { Fault, type FaultKind } from '../../src/fault.js';

const CONTEXT = { command: 'rdgw mkrdp', flags: ['target', 'ttl'] };
const report = (error: unknown) => errorReportOf(error, CONTEXT);
const lines = (error: unknown) => errorReportLines(report(error));

/** An error like those of oclif's parser: a class name, an exit code, the state of the parser. */
function parseError(name: string, message: string, more: object = {}): Error {
  const Named = { [name]: class extends Error {} }[name] as new (message: string) => Error;
  const state = { parse: { input: { argv: ['--password=hunter2'] } } };
  return Object.assign(new Named(`${message}\nSee more help with --help`), { oclif: { exit: 2 }, ...state, ...more });
}

describe('errorReportOf', () => {
  it.each<[FaultKind, number]>([
    ['usage', 2],
    ['input', 3],
    ['configuration', 4],
    ['unreachable', 5],
  ])('maps a fault of kind %s to the exit code %i', (kind, exit) => {
    expect(report(new Fault({ kind, code: 'X', message: 'no' })).exit).toBe(exit);
  });

  it('includes code, place and hint of a fault', () => {
    const fault = new Fault({ kind: 'input', code: 'BAD', message: 'it is bad', place: 'a.rdp', hint: 'fix it' });
    expect(lines(fault)).toEqual(['error: it is bad (BAD) at a.rdp', 'hint: fix it']);
  });

  it('keeps each part on one line and replaces control characters', () => {
    const fault = new Fault({
      kind: 'input',
      code: 'BAD',
      message: 'a\nb\u001b[31mc\u0007',
      place: 'x\r\ny',
      hint: 'z\n',
    });
    expect(lines(fault)).toEqual(['error: a b?[31mc? (BAD) at x y', 'hint: z']);
  });

  it('reports an unexpected error as a bug, in one line', () => {
    expect(report(new TypeError('x is not\n  a function')).exit).toBe(EXIT.bug);
    expect(lines(new TypeError('x is not\n  a function'))).toEqual([
      'error: x is not a function (BUG)',
      'hint: this is a bug in rdgw; set DEBUG=rdgw to print the stack trace',
    ]);
    expect(lines('thrown text')[0]).toBe('error: thrown text (BUG)');
    expect(lines(undefined)[0]).toBe('error: undefined (BUG)');
  });

  it('does not report a full disk as a bug', () => {
    const error = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', errno: -28, path: '/x' });
    expect(report(error)).toEqual({ exit: 4, code: 'ENOSPC', message: 'the disk is full', place: '/x' });
  });

  it.each([
    [
      parseError('NonExistentFlagsError', 'Nonexistent flag: --tagret=secret', { flags: ['--tagret=secret'] }),
      'unknown flag "--tagret"',
    ],
    [parseError('UnexpectedArgsError', 'Unexpected argument: a', { args: ['a\u202eb'] }), 'unexpected argument "a?b"'],
    [
      parseError(
        'FailedFlagValidationError',
        'The following error occurred:\n  \u001b[2mMissing required flag target\u001b[22m',
      ),
      'missing required flag --target',
    ],
    [
      parseError(
        'FailedFlagValidationError',
        'The following error occurred:\n  --a=my secret cannot also be provided when using --b',
      ),
      '--a cannot also be provided when using --b',
    ],
    [parseError('CLIError', 'Flag --target expects a value'), 'flag --target expects a value'],
  ])('rephrases the parser error %s', (error, message) => {
    const { exit, hint, ...rest } = report(error);
    expect({ exit, message: rest.message }).toEqual({ exit: 2, message });
    expect(JSON.stringify([rest, hint])).not.toMatch(/secret|hunter2/);
  });

  it('unwraps the error of a flag parser', () => {
    const wrap = (message: string) => `Parsing --port \n\t${message}\nSee more help with --help`;
    const fault = new Fault({ kind: 'input', code: 'PORT', message: wrap('no port'), hint: '1 to 65535' });
    expect(report(fault)).toEqual({ exit: 2, code: 'PORT', message: 'no port', place: '--port', hint: '1 to 65535' });
    const plain = new Error(wrap('Expected an integer'));
    expect(report(plain)).toEqual({ exit: 2, code: 'USAGE', message: 'expected an integer', place: '--port' });
  });

  it('cuts long arguments', () => {
    const error = parseError('UnexpectedArgsError', 'x', { args: ['a'.repeat(10_000)] });
    expect(report(error).message.length).toBeLessThan(100);
  });
});
