import { describe, expect, it } from 'vitest';
import { errorReportOf } from '../../../src/cli/error-report.js';
import { Fault } from '../../../src/fault.js';
import { failureError, failureOf } from '../../../src/serve/workers/failure.js';

const CONTEXT = { command: 'rdgw serve', flags: [] };

describe('a failure that is sent to another process', () => {
  it.each([
    ['a fault', new Fault({ kind: 'configuration', code: 'X', message: 'is wrong', place: 'a.pem', hint: 'do' })],
    ['a fault without place and hint', new Fault({ kind: 'unreachable', code: 'Y', message: 'cannot' })],
    ['a system error', Object.assign(new Error('EACCES: x'), { code: 'EACCES', path: '/a' })],
    ['a bug', new TypeError('x is undefined')],
    ['a thrown string', 'text'],
  ])('keeps message and exit code: %s', (_, error) => {
    const arrived = failureError(JSON.parse(JSON.stringify(failureOf(error))));
    expect(errorReportOf(arrived, CONTEXT)).toEqual(errorReportOf(error, CONTEXT));
  });
});
