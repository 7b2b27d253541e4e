import { expect, it } from 'vitest';
import { Patience } from '../src/serve-patience.js';

it('waits twice as long behind every short life, up to a limit, and begins anew behind a long one', () => {
  const patience = new Patience();
  const delays = Array.from({ length: 8 }, () => patience.after(1000));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect([patience.after(60_000), patience.after(1000)]).toEqual([500, 1000]);
});
