import { describe, expect, it } from 'vitest';
import { sharedLookup } from '../../src/gateway/resolve.js';

const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('asks once for a name while the answer is awaited, and anew behind it', async () => {
  const asked: string[] = [];
  const answers: ((addresses: readonly string[]) => void)[] = [];
  const resolve = sharedLookup((host) => {
    asked.push(host);
    return new Promise((answer) => answers.push(answer));
  });
  const both = [resolve('desk', 'alice', signal), resolve('desk', 'alice', signal), resolve('other', 'alice', signal)];
  await turn();
  expect(asked).toEqual(['desk', 'other']);
  answers[0]?.(['10.0.0.1']);
  answers[1]?.(['10.0.0.2']);
  expect(await Promise.all(both)).toEqual([['10.0.0.1'], ['10.0.0.1'], ['10.0.0.2']]);
  const again = resolve('desk', 'alice', signal);
  await turn();
  answers[2]?.(['10.0.0.3']);
  expect(await again).toEqual(['10.0.0.3']);
});

describe('a user with many dead names', () => {
  /** Look-ups that end when the test says so. */
  function dead() {
    const asked: string[] = [];
    const ends = new Map<string, () => void>();
    const resolve = sharedLookup((host) => {
      asked.push(host);
      return new Promise((answer) => ends.set(host, () => answer(['10.0.0.1'])));
    });
    return { asked, resolve, end: (host: string) => ends.get(host)?.() };
  }
  it('waits for himself, and keeps nobody else waiting', async () => {
    const { asked, resolve, end } = dead();
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    const other = resolve('desk', 'alice', signal);
    await turn();
    expect(asked.at(-1)).toBe('desk');
    end('desk');
    expect(await other).toEqual(['10.0.0.1']);
    for (const host of ['b', 'a', 'c', 'd']) end(host);
    await turn();
    expect(asked.slice(-2)).toEqual(['e', 'f']);
    for (const host of ['e', 'f']) end(host);
    expect(await Promise.all(all)).toHaveLength(6);
    await turn();
    // Every turn was given back.
    const more = ['g', 'h', 'i', 'j'].map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(asked.slice(-4)).toEqual(['g', 'h', 'i', 'j']);
    for (const host of ['g', 'h', 'i', 'j']) end(host);
    await Promise.all(more);
  });

  it('has nothing looked up that nobody waits for any more', async () => {
    const { asked, resolve, end } = dead();
    const first = ['a', 'b', 'c', 'd'].map((host) => resolve(host, 'mallory', signal));
    const leaving = new AbortController();
    const late = resolve('late', 'mallory', leaving.signal);
    leaving.abort();
    await turn();
    for (const host of ['a', 'b', 'c', 'd']) end(host);
    await Promise.all(first);
    await expect(late).rejects.toThrow(/abort/);
    expect(asked).not.toContain('late');
  });
});

it('fails for everybody who waits, and is asked anew by the next', async () => {
  let count = 0;
  const resolve = sharedLookup(async () => {
    count++;
    throw new Error('ENOTFOUND');
  });
  const both = [resolve('nowhere', 'alice', signal), resolve('nowhere', 'alice', signal)];
  await Promise.all(both.map((one) => expect(one).rejects.toThrow('ENOTFOUND')));
  await expect(resolve('nowhere', 'alice', signal)).rejects.toThrow('ENOTFOUND');
  expect(count).toBe(2);
});

it('knows what the system knows', async () => {
  const addresses = await sharedLookup()('localhost', 'alice', signal);
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
