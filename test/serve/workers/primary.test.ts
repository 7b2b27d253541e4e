import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/fault.js';
import { failureOf } from '../../../src/serve/workers/failure.js';
import { prepareErrorOf } from '../../../src/serve/workers/primary.js';

describe('prepareErrorOf', () => {
  const fault = new Fault({ kind: 'configuration', code: 'KEY_INVALID', message: 'is no key', place: 'portal.pem' });

  it.each([
    ['prepared the reload', { answer: { warnings: [] }, serves: true }, undefined],
    ['cannot use the settings', { answer: { failure: failureOf(fault) }, serves: true }, 'KEY_INVALID'],
    ['listens and does not answer', { error: 'no answer to prepare reload', serves: true }, 'WORKER_NOT_READY'],
    ['has ended meanwhile', { error: 'the other process is gone', serves: false }, undefined],
    ['never listened', { error: 'is no key', serves: false }, undefined],
  ])('of a worker that %s', (_, answer, code) => {
    const error = prepareErrorOf({ worker: 1, ...answer });
    expect(error && (error as Fault).code).toBe(code);
  });
});
