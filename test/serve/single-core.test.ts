import { execFileSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { freeInPlaceOnOneCore } from '../../src/serve/single-core.js';

it.each([
  [1, 1],
  [2, 0],
  [64, 0],
])('of %i cores: V8 is told so %i times', (cores, times) => {
  const setFlags = vi.fn();
  freeInPlaceOnOneCore(cores, setFlags);
  expect(setFlags).toHaveBeenCalledTimes(times);
});

it('V8 knows what it is told', () => {
  const setFlags = vi.fn<(flags: string) => void>();
  freeInPlaceOnOneCore(1, setFlags);
  // At a start it refuses flags that it does not know; later on it only complains.
  const [flag = ''] = setFlags.mock.calls[0] ?? [];
  expect(flag).toMatch(/^--/);
  expect(execFileSync(process.execPath, [flag, '--print', '1'], { encoding: 'utf8' }).trim()).toBe('1');
  expect(() => execFileSync(process.execPath, [`${flag}-not`, '--print', '1'], { stdio: 'pipe' })).toThrow(
    'bad option',
  );
});
