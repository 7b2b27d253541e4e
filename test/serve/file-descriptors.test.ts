import { describe, expect, it } from 'vitest';
import { fitDescriptors, openFilesMax } from '../../src/serve/file-descriptors.js';

describe('fitDescriptors', () => {
  it('leaves a wish alone that fits', () => {
    expect(fitDescriptors(24_000, true, 1_048_576)).toEqual({ connections: 24_000, warning: undefined });
    expect(fitDescriptors(480, true, 1024)).toEqual({ connections: 480, warning: undefined });
    expect(fitDescriptors(24_000, true, Number.POSITIVE_INFINITY).connections).toBe(24_000);
  });

  it('takes no more clients than there are descriptors for them and their desktops, and says so', () => {
    const { connections, warning } = fitDescriptors(24_000, true, 1024);
    expect(connections).toBe(480);
    expect(warning).toBe(
      'limits.connections is 24000, but this process may open 1024 files: at most 480 connections are taken (raise LimitNOFILE, or ulimit -n)',
    );
  });

  it('says nothing where there is room for thousands', () => {
    expect(fitDescriptors(24_000, true, 20_000)).toEqual({ connections: 9968, warning: undefined });
  });

  it('needs more of them for each client where several processes share the work', () => {
    expect(fitDescriptors(24_000, false, 1024).connections).toBe(320);
  });

  it('takes one at least', () => {
    expect(fitDescriptors(10, true, 3).connections).toBe(1);
  });
});

describe('openFilesMax', () => {
  const LIMITS = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             95944                95944                processes ',
    'Max open files            1024                 4096                 files     ',
  ].join('\n');

  it('is the limit that holds', () => {
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
  ])('is endless where it is %s', (_, limits) => {
    expect(openFilesMax(limits)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is told by this system', () => {
    expect(openFilesMax()).toBeGreaterThan(16);
  });
});
