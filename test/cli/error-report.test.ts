import { describe, expect, it } from 'vitest';
import { errorReportLines, errorReportOf } from '../../src/cli/error-report.js';
import { EXIT } from '../../src/cli/exit.js';
import { Fault, type FaultKind } from '../../src/fault.js';

const CONTEXT = { command: 'rdgw mkrdp', flags: ['target', 'ttl'] };
const trouble = (error: unknown) => errorReportOf(error, CONTEXT);
const lines = (error: unknown) => errorReportLines(trouble(error));

/** The shape of oclif's parser errors: a class name, an exit code, the parser's state. */
function parseError(name: string, message: string, more: object = {}): Error {
  const Named = { [name]: class extends Error {} }[name] as new (message: string) => Error;
  const state = { parse: { input: { argv: ['--password=hunter2'] } } };
  return Object.assign(new Named(`${message}\nSee more help with --help`), { oclif: { exit: 2 }, ...state, ...more });
}

describe('troubleOf', () => {
  it.each<[FaultKind, number]>([
    ['usage', 2],
    ['input', 3],
    ['configuration', 4],
    ['unreachable', 5],
  ])('gives a fault of kind %s the code %i', (kind, exit) => {
    expect(trouble(new Fault({ kind, code: 'X', message: 'no' })).exit).toBe(exit);
  });

  it('says a fault with its code, place and hint', () => {
    const fault = new Fault({ kind: 'input', code: 'BAD', message: 'it is bad', place: 'a.rdp', hint: 'mend it' });
    expect(lines(fault)).toEqual(['error: it is bad (BAD) at a.rdp', 'hint: mend it']);
  });

  it('keeps every part on its line, and terminals out of it', () => {
    const fault = new Fault({
      kind: 'input',
      code: 'BAD',
      message: 'a\nb\u001b[31mc\u0007',
      place: 'x\r\ny',
      hint: 'z\n',
    });
    expect(lines(fault)).toEqual(['error: a b?[31mc? (BAD) at x y', 'hint: z']);
  });

  it('calls anything unexpected a bug, in one line', () => {
    expect(trouble(new TypeError('x is not\n  a function')).exit).toBe(EXIT.bug);
    expect(lines(new TypeError('x is not\n  a function'))).toEqual([
      'error: x is not a function (BUG)',
      'hint: this is a bug in rdgw; DEBUG=rdgw shows where it happened',
    ]);
    expect(lines('thrown text')[0]).toBe('error: thrown text (BUG)');
    expect(lines(undefined)[0]).toBe('error: undefined (BUG)');
  });

  it('does not take the blame for a full disk', () => {
    const error = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', errno: -28, path: '/x' });
    expect(trouble(error)).toEqual({ exit: 4, code: 'ENOSPC', message: 'the disk is full', place: '/x' });
  });

  it.each([
    [
      parseError('NonExistentFlagsError', 'Nonexistent flag: --tagret=secret', { flags: ['--tagret=secret'] }),
      'there is no flag "--tagret"',
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
  ])('says in its own words what oclif found: %s', (error, message) => {
    const { exit, hint, ...rest } = trouble(error);
    expect({ exit, message: rest.message }).toEqual({ exit: 2, message });
    expect(JSON.stringify([rest, hint])).not.toMatch(/secret|hunter2/);
  });

  it('unwraps what the parser of a flag threw', () => {
    const wrap = (message: string) => `Parsing --port \n\t${message}\nSee more help with --help`;
    const fault = new Fault({ kind: 'input', code: 'PORT', message: wrap('no port'), hint: '1 to 65535' });
    expect(trouble(fault)).toEqual({ exit: 2, code: 'PORT', message: 'no port', place: '--port', hint: '1 to 65535' });
    const plain = new Error(wrap('Expected an integer'));
    expect(trouble(plain)).toEqual({ exit: 2, code: 'USAGE', message: 'expected an integer', place: '--port' });
  });

  it('cuts long words', () => {
    const error = parseError('UnexpectedArgsError', 'x', { args: ['a'.repeat(10_000)] });
    expect(trouble(error).message.length).toBeLessThan(100);
  });
});
