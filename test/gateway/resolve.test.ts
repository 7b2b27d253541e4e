import { expect, it } from 'vitest';
import { sharedLookup } from '../../src/gateway/resolve.js';

it('asks once for a name while the answer is awaited, and anew behind it', async () => {
  const asked: string[] = [];
  const answers: ((addresses: readonly string[]) => void)[] = [];
  const resolve = sharedLookup((host) => {
    asked.push(host);
    return new Promise((answer) => answers.push(answer));
  });
  const both = [resolve('desk'), resolve('desk'), resolve('other')];
  expect(asked).toEqual(['desk', 'other']);
  answers[0]?.(['10.0.0.1']);
  answers[1]?.(['10.0.0.2']);
  expect(await Promise.all(both)).toEqual([['10.0.0.1'], ['10.0.0.1'], ['10.0.0.2']]);
  const again = resolve('desk');
  answers[2]?.(['10.0.0.3']);
  expect(await again).toEqual(['10.0.0.3']);
});

it('fails for everybody who waits, and is asked anew by the next', async () => {
  let count = 0;
  const resolve = sharedLookup(async () => {
    count++;
    throw new Error('ENOTFOUND');
  });
  const both = [resolve('nowhere'), resolve('nowhere')];
  await Promise.all(both.map((one) => expect(one).rejects.toThrow('ENOTFOUND')));
  await expect(resolve('nowhere')).rejects.toThrow('ENOTFOUND');
  expect(count).toBe(2);
});

it('knows what the system knows', async () => {
  const addresses = await sharedLookup()('localhost');
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
