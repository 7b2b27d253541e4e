import { describe, expect, it } from 'vitest';
import { COLLECTED, type Inside, slope, told } from './process.js';

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
  const line = (heap: number, sockets: number, note?: string): Inside => ({
    pid: 1,
    at: 0,
    heap: heap * MIB,
    external: 0,
    arrayBuffers: 2 * heap * MIB,
    handles: { TCPSocketWrap: sockets, Timeout: 1 },
    ...(note === undefined ? {} : { note }),
  });

  it('is the memory of the last collection, and the handles of the last line', () => {
    const lines = [line(10, 5, COLLECTED), line(30, 7), line(11, 6, COLLECTED), line(40, 8)];
    expect(told(lines)).toEqual({ heap: 11, buffers: 22, handles: 9 });
  });

  it('is nothing before the first collection', () => {
    expect(told([line(30, 7)])).toBeUndefined();
  });
});
