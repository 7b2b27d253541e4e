import { expect, it } from 'vitest';
import { Backoff } from '../../../src/serve/workers/backoff.js';

it('doubles the delay after every short run, up to a limit, and resets it after a long one', () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 8 }, () => backoff.after(1000));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect([backoff.after(60_000), backoff.after(1000)]).toEqual([500, 1000]);
});
