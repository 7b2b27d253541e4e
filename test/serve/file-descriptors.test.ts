import { describe, expect, it } from 'vitest';
import { fitDescriptors, openFilesMax } from '../../src/serve/file-descriptors.js';

describe('fitDescriptors', () => {
  it('returns the configured limit if the descriptors suffice', () => {
    expect(fitDescriptors(24_000, true, 1_048_576)).toEqual({ connections: 24_000, warning: undefined });
    expect(fitDescriptors(480, true, 1024)).toEqual({ connections: 480, warning: undefined });
    expect(fitDescriptors(24_000, true, Number.POSITIVE_INFINITY).connections).toBe(24_000);
  });

  it('lowers the limit to what descriptors for clients and their targets suffice for, with a warning', () => {
    const { connections, warning } = fitDescriptors(24_000, true, 1024);
    expect(connections).toBe(480);
    expect(warning).toBe(
      'limits.connections is 24000, but this process may open 1024 files: at most 480 connections are accepted (raise LimitNOFILE, or ulimit -n)',
    );
  });

  it('does not warn while thousands of connections are possible', () => {
    expect(fitDescriptors(24_000, true, 20_000)).toEqual({ connections: 9968, warning: undefined });
  });

  it('counts one more descriptor for each client with several workers', () => {
    expect(fitDescriptors(24_000, false, 1024).connections).toBe(320);
  });

  it('allows one connection at least', () => {
    expect(fitDescriptors(10, true, 3).connections).toBe(1);
  });
});

describe('openFilesMax', () => {
  const LIMITS = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             95944                95944                processes ',
    'Max open files            1024                 4096                 files     ',
  ].join('\n');

  it('is the soft limit', () => {
    expect(openFilesMax(() => LIMITS)).toBe(1024);
  });

  it.each([
    ['unlimited', () => 'Max open files            unlimited            unlimited            files     '],
    [
      'unknown',
      () => {
        throw new Error('ENOENT');
      },
    ],
  ])('is infinite if the limit is %s', (_, limits) => {
    expect(openFilesMax(limits)).toBe(Number.POSITIVE_INFINITY);
  });

  it('reads the limit of this process', () => {
    expect(openFilesMax()).toBeGreaterThan(16);
  });
});
