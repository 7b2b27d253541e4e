import { expect, it } from 'vitest';
import { Ids } from '../../../src/gateway/tunnel/ids.js';

it('ids of several processes are never the same, and never 0', () => {
  const shares = [1, 2, 3].map((first) => new Ids({ first, step: 3 }));
  const ids = shares.flatMap((share) => Array.from({ length: 100 }, () => share.next()));
  expect(new Set(ids).size).toBe(300);
  expect(Math.min(...ids)).toBe(1);
});

it('ids start again after the last one that clients accept', () => {
  const ids = new Ids({ first: 5, step: 0x40000000 });
  expect([ids.next(), ids.next(), ids.next()]).toEqual([5, 0x40000005, 5]);
});
