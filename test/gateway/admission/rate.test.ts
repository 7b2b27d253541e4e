import { describe, expect, it } from 'vitest';
import { Rate } from '../../../src/gateway/admission/rate.js';

describe('a rate', () => {
  const takeAll = (rate: Rate, key: string, now: number): number => {
    let taken = 0;
    for (; rate.allows(key, now) && taken < 1000; taken++) rate.take(key, now);
    return taken;
  };

  it('allows a burst, and then as many as the time that has passed', () => {
    const rate = new Rate(10, 5);
    expect([0, 99, 100, 350, 100_000].map((now) => takeAll(rate, 'a', now))).toEqual([5, 0, 1, 2, 5]);
  });

  it('has a bucket for each key', () => {
    const rate = new Rate(10, 1);
    expect([takeAll(rate, 'a', 0), takeAll(rate, 'b', 0), takeAll(rate, 'a', 50)]).toEqual([1, 1, 0]);
  });

  it('keeps no bucket that is full again', () => {
    const rate = new Rate(10, 10);
    for (let key = 0; key < 10_000; key++) rate.take(`${key}`, key * 10);
    expect(rate.size).toBeLessThanOrEqual(11);
  });

  it('allows one at a time at the least', () => {
    expect(takeAll(new Rate(1, 0.25), 'a', 0)).toBe(1);
  });
});
