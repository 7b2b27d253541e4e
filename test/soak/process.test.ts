import { describe, expect, it } from 'vitest';
import { slope } from './process.js';

describe('the slope of samples', () => {
  it('is that of the straight line they lie on', () => {
    expect(slope([0, 5, 10, 15].map((x) => [x, 3 + 2 * x]))).toBeCloseTo(2);
  });

  it('is little for what comes and goes', () => {
    expect(Math.abs(slope([0, 1, 2, 3, 4, 5, 6, 7].map((x) => [x, 100 + 20 * (x % 2)])))).toBeLessThan(2);
  });

  it('is none for a single sample', () => {
    expect(slope([[1, 1]])).toBe(0);
  });
});
