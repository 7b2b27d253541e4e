import { describe, expect, it } from 'vitest';
import { COLLECTED, expectTold, type Inside, type Sample, slope, told, trend } from './process.js';

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

describe('what the sampler told', () => {
  const MIB = 1024 * 1024;
  const line = (at: number, heap: number, sockets: number, note?: string): Inside => ({
    pid: 1,
    at,
    heap: heap * MIB,
    external: 0,
    arrayBuffers: 2 * heap * MIB,
    handles: { TCPSocketWrap: sockets, Timeout: 1 },
    ...(note === undefined ? {} : { note }),
  });

  it('is the memory of the last collection, and the handles of the last line', () => {
    const lines = [line(1, 10, 5, COLLECTED), line(2, 30, 7), line(3, 11, 6, COLLECTED), line(4, 40, 8)];
    const kinds = { TCPSocketWrap: 8, Timeout: 1 };
    expect(told(lines)).toEqual({ heap: 11, buffers: 22, handles: 9, collectedAt: 3, toldAt: 4, kinds });
  });

  it('is nothing before the first collection', () => {
    expect(told([line(1, 30, 7)])).toBeUndefined();
  });
});

/** An hour of a process that holds this many handles, a sample each minute. */
function hour(handles: (minute: number) => number, tells = (at: number) => at): Sample[] {
  return Array.from({ length: 61 }, (_, minute) => ({
    at: minute * 60,
    ...{ rss: 200, heap: 20, buffers: 50, files: 1000, threads: 39, handles: handles(minute), kinds: {} },
    ...{ toldAt: tells(minute * 60), collectedAt: tells(minute * 60) },
  }));
}

describe('what is held', () => {
  it.each<[string, boolean, (minute: number) => number]>([
    ['stays', true, () => 1800],
    ['comes and goes', true, (minute) => 1800 + 200 * (minute % 2)],
    ['grew in the first half only', true, (minute) => 1000 + 20 * Math.min(minute, 30)],
    ['falls', true, (minute) => 2000 - 4 * minute],
    ['grows', false, (minute) => 1000 + 4 * minute],
    ['grows a little more than is allowed', false, (minute) => 1000 + 2.1 * minute],
    ['grows a little less than is allowed', true, (minute) => 1000 + 1.9 * minute],
    ['is no number', false, () => Number.NaN],
  ])('and %s: flat is %s', (_, isFlat, handles) => {
    expect(trend('handles', hour(handles)).isFlat).toBe(isFlat);
  });

  it('is told up to the end', () => {
    const steady = (): number => 1800;
    expect(() => expectTold(hour(steady), 5000, 60_000)).not.toThrow();
    expect(() =>
      expectTold(
        hour(steady, (at) => Math.min(at, 3000)),
        5000,
        60_000,
      ),
    ).toThrow('silent');
    expect(() => expectTold([], 5000, 60_000)).toThrow('no samples');
  });
});
