import { describe, expect, it } from 'vitest';
import { StallDetector } from '../../../src/gateway/io/stall.js';

const checkAll = (
  detector: StallDetector,
  checks: readonly (readonly [now: number, waiting: number, taken: number])[],
) => checks.map(([now, waiting, taken]) => detector.stalled({ waiting, taken }, now));

describe('StallDetector', () => {
  it('reports a stall when nothing was taken for its time', () => {
    const checks = [
      [0, 10, 5],
      [50, 10, 5],
      [99, 10, 5],
      [100, 10, 5],
    ] as const;
    expect(checkAll(new StallDetector(100), checks)).toEqual([false, false, false, true]);
  });

  it('starts again with every byte that is taken', () => {
    const checks = [
      [0, 10, 5],
      [90, 10, 6],
      [180, 10, 7],
      [279, 10, 7],
      [280, 10, 7],
    ] as const;
    expect(checkAll(new StallDetector(100), checks)).toEqual([false, false, false, false, true]);
  });

  it('does not count the whole time of a long gap between two checks', () => {
    const checks = [
      [0, 10, 5],
      [60_000, 10, 5],
      [61_000, 10, 5],
    ] as const;
    expect(checkAll(new StallDetector(10_000), checks)).toEqual([false, false, false]);
  });

  it('reports no stall while nothing waits', () => {
    const checks = [
      [0, 0, 5],
      [1000, 0, 5],
      [1001, 3, 5],
      [1099, 3, 5],
      [1100, 3, 5],
    ] as const;
    expect(checkAll(new StallDetector(100), checks)).toEqual([false, false, false, false, true]);
  });
});
