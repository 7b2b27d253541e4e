import { describe, expect, it } from 'vitest';
import { LineLimit, SUBJECTS_MAX } from '../../../src/gateway/report/line-limit.js';

let now = 0;
const newLimit = (): LineLimit => {
  now = 0;
  return new LineLimit(() => now);
};

describe('the limit of log lines', () => {
  it('allows one line for each subject and minute, and counts those between', () => {
    const limit = newLimit();
    expect([limit.take('a'), limit.take('a'), limit.take('b'), limit.take('a')]).toEqual([0, undefined, 0, undefined]);
    now = 59_999;
    expect(limit.take('a')).toBeUndefined();
    now = 60_000;
    expect([limit.take('a'), limit.take('b'), limit.take('a')]).toEqual([3, 0, undefined]);
    now = 120_000;
    expect(limit.take('a')).toBe(1);
  });

  it('gives one line to all subjects that do not fit, until others have had their time', () => {
    const limit = newLimit();
    for (let count = 0; count < SUBJECTS_MAX; count++) expect(limit.take(`subject ${count}`)).toBe(0);
    now = 1000;
    expect(['x', 'y', 'z', 'x'].map((subject) => limit.take(subject))).toEqual([0, undefined, undefined, undefined]);
    expect(limit.take('subject 0')).toBeUndefined();
    now = 60_000;
    expect(['x', 'y', 'x'].map((subject) => limit.take(subject))).toEqual([0, 0, undefined]);
  });
});
