import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/fault.js';
import { failureOf } from '../../../src/serve/workers/failure.js';
import { refusalOf } from '../../../src/serve/workers/primary.js';

describe('what a worker says to a reload', () => {
  const fault = new Fault({ kind: 'configuration', code: 'KEY_INVALID', message: 'is no key', place: 'portal.pem' });

  it.each([
    ['prepared it', { answer: { warnings: [] }, serves: true }, undefined],
    ['cannot use it', { answer: { failure: failureOf(fault) }, serves: true }, 'KEY_INVALID'],
    ['serves and says nothing', { error: 'no answer to prepare', serves: true }, 'WORKER_NOT_READY'],
    ['has gone meanwhile', { error: 'the other process is gone', serves: false }, undefined],
    ['never came as far as to serve', { error: 'is no key', serves: false }, undefined],
  ])('that %s', (_, answer, code) => {
    const refusal = refusalOf({ worker: 1, ...answer });
    expect(refusal && (refusal as Fault).code).toBe(code);
  });
});
