import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ThrottledEvent } from '../../../src/gateway/report/throttled-event.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a throttled event is one line at once, and one for all that follow within five seconds', () => {
  const lines: object[] = [];
  const event = new ThrottledEvent<{ peer: string }>((fields) => lines.push(fields));
  event.add({ peer: 'a' });
  for (let count = 0; count < 1_000; count++) event.add({ peer: `b${count}` });
  expect(lines).toEqual([{ peer: 'a', count: 1, total: 1 }]);
  vi.advanceTimersByTime(4_999);
  expect(lines).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(lines[1]).toEqual({ peer: 'b999', count: 1_000, total: 1_001 });
  event.add({ peer: 'c' });
  vi.advanceTimersByTime(5_000);
  expect(lines[2]).toEqual({ peer: 'c', count: 1, total: 1_002 });
  vi.advanceTimersByTime(60_000);
  event.add({ peer: 'd' });
  expect(lines[3]).toEqual({ peer: 'd', count: 1, total: 1_003 });
});
