import { execFileSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { freeInPlaceOnOneCore } from '../../src/serve/single-core.js';

it.each([
  [1, 1],
  [2, 0],
  [64, 0],
])('with %i cores: sets the V8 flag %i times', (cores, times) => {
  const setFlags = vi.fn();
  freeInPlaceOnOneCore(cores, setFlags);
  expect(setFlags).toHaveBeenCalledTimes(times);
});

it('sets a flag that V8 has', () => {
  const setFlags = vi.fn<(flags: string) => void>();
  freeInPlaceOnOneCore(1, setFlags);
  // Node refuses unknown flags on the command line; at run time V8 only warns.
  const [flag = ''] = setFlags.mock.calls[0] ?? [];
  expect(flag).toMatch(/^--/);
  expect(execFileSync(process.execPath, [flag, '--print', '1'], { encoding: 'utf8' }).trim()).toBe('1');
  expect(() => execFileSync(process.execPath, [`${flag}-not`, '--print', '1'], { stdio: 'pipe' })).toThrow(
    'bad option',
  );
});
