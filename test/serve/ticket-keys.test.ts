import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { rotateTicketKeys } from '../../src/serve/ticket-keys.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('the keys of session tickets are replaced once a day by other ones', () => {
  const used: string[] = [];
  rotateTicketKeys((keys) => void used.push(Buffer.from(keys).toString('hex')));
  vi.advanceTimersByTime(86_399_999);
  expect(used).toEqual([]);
  vi.advanceTimersByTime(2 * 86_400_000 + 1);
  expect(used).toHaveLength(3);
  expect(new Set(used).size).toBe(3);
  for (const keys of used) expect(keys).toMatch(/^[\da-f]{96}$/);
});
