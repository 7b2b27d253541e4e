import { describe, expect, it } from 'vitest';
import { StallDetector } from '../../../src/gateway/io/stall.js';

const look = (patience: StallDetector, looks: readonly (readonly [now: number, waiting: number, taken: number])[]) =>
  looks.map(([now, waiting, taken]) => patience.stalled({ waiting, taken }, now));

describe('Patience', () => {
  it('ends when nothing moved for its time', () => {
    const looks = [
      [0, 10, 5],
      [50, 10, 5],
      [99, 10, 5],
      [100, 10, 5],
    ] as const;
    expect(look(new StallDetector(100), looks)).toEqual([false, false, false, true]);
  });

  it('begins anew with every byte that is taken', () => {
    const looks = [
      [0, 10, 5],
      [90, 10, 6],
      [180, 10, 7],
      [279, 10, 7],
      [280, 10, 7],
    ] as const;
    expect(look(new StallDetector(100), looks)).toEqual([false, false, false, false, true]);
  });

  it('does not count the time in which nobody looked', () => {
    const looks = [
      [0, 10, 5],
      [60_000, 10, 5],
      [61_000, 10, 5],
    ] as const;
    expect(look(new StallDetector(10_000), looks)).toEqual([false, false, false]);
  });

  it('has all the time in the world while nothing waits', () => {
    const looks = [
      [0, 0, 5],
      [1000, 0, 5],
      [1001, 3, 5],
      [1099, 3, 5],
      [1100, 3, 5],
    ] as const;
    expect(look(new StallDetector(100), looks)).toEqual([false, false, false, false, true]);
  });
});
