import { describe, expect, it } from 'vitest';
import { AFTER_GC, expectComplete, type ProcessSample, type Sample, slope, summarize, trend } from './process.js';

describe('slope', () => {
  it('is exact for points on a straight line', () => {
    expect(slope([0, 5, 10, 15].map((x) => [x, 3 + 2 * x]))).toBeCloseTo(2);
  });

  it('is near zero for alternating values', () => {
    expect(Math.abs(slope([0, 1, 2, 3, 4, 5, 6, 7].map((x) => [x, 100 + 20 * (x % 2)])))).toBeLessThan(2);
  });

  it('is zero for a single sample', () => {
    expect(slope([[1, 1]])).toBe(0);
  });
});

describe('the summary of samples', () => {
  const MIB = 1024 * 1024;
  const line = (at: number, heap: number, sockets: number, note?: string): ProcessSample => ({
    pid: 1,
    at,
    heap: heap * MIB,
    external: 0,
    arrayBuffers: 2 * heap * MIB,
    handles: { TCPSocketWrap: sockets, Timeout: 1 },
    ...(note === undefined ? {} : { note }),
  });

  it('has the memory of the last collection and the handles of the last sample', () => {
    const lines = [line(1, 10, 5, AFTER_GC), line(2, 30, 7), line(3, 11, 6, AFTER_GC), line(4, 40, 8)];
    const kinds = { TCPSocketWrap: 8, Timeout: 1 };
    expect(summarize(lines)).toEqual({ heap: 11, buffers: 22, handles: 9, collectedAt: 3, reportedAt: 4, kinds });
  });

  it('is undefined before the first collection', () => {
    expect(summarize([line(1, 30, 7)])).toBeUndefined();
  });
});

/** Samples of an hour, one per minute, of a process with this many handles. */
function hour(handles: (minute: number) => number, reported = (at: number) => at): Sample[] {
  return Array.from({ length: 61 }, (_, minute) => ({
    at: minute * 60,
    ...{ rss: 200, heap: 20, buffers: 50, files: 1000, threads: 39, handles: handles(minute), kinds: {} },
    ...{ reportedAt: reported(minute * 60), collectedAt: reported(minute * 60) },
  }));
}

describe('a number of handles', () => {
  it.each<[string, boolean, (minute: number) => number]>([
    ['is constant', true, () => 1800],
    ['alternates', true, (minute) => 1800 + 200 * (minute % 2)],
    ['grows only in the first half', true, (minute) => 1000 + 20 * Math.min(minute, 30)],
    ['falls', true, (minute) => 2000 - 4 * minute],
    ['grows', false, (minute) => 1000 + 4 * minute],
    ['grows slightly more than the limit', false, (minute) => 1000 + 2.1 * minute],
    ['grows slightly less than the limit', true, (minute) => 1000 + 1.9 * minute],
    ['is NaN', false, () => Number.NaN],
  ])('that %s: flat is %s', (_, isFlat, handles) => {
    expect(trend('handles', hour(handles)).isFlat).toBe(isFlat);
  });

  it('must be reported until the end', () => {
    const steady = (): number => 1800;
    expect(() => expectComplete(hour(steady), 5000, 60_000)).not.toThrow();
    expect(() =>
      expectComplete(
        hour(steady, (at) => Math.min(at, 3000)),
        5000,
        60_000,
      ),
    ).toThrow('stopped');
    expect(() => expectComplete([], 5000, 60_000)).toThrow('no samples');
  });
});
