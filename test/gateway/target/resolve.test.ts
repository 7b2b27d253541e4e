import { describe, expect, it } from 'vitest';
import { sharedLookup, TURNS } from '../../../src/gateway/target/resolve.js';

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
  const names = (zone: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${index}.${zone}`);

  it('waits for himself, and keeps nobody else waiting', async () => {
    const { asked, resolve, end } = dead();
    const [first, late, more] = [names('dead', TURNS), names('late', 2), names('more', TURNS)];
    const all = [...first, ...late].map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(asked).toEqual(first);
    const other = resolve('desk', 'alice', signal);
    await turn();
    expect(asked.at(-1)).toBe('desk');
    end('desk');
    expect(await other).toEqual(['10.0.0.1']);
    for (const host of first) end(host);
    await turn();
    expect(asked.slice(-2)).toEqual(late);
    for (const host of late) end(host);
    await Promise.all(all);
    // Every turn was given back.
    const again = more.map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(asked.slice(-TURNS)).toEqual(more);
    for (const host of more) end(host);
    await Promise.all(again);
  });

  it('has nothing looked up that nobody waits for any more', async () => {
    const { asked, resolve, end } = dead();
    const first = names('dead', TURNS);
    const all = first.map((host) => resolve(host, 'mallory', signal));
    const leaving = new AbortController();
    const late = resolve('late', 'mallory', leaving.signal);
    await turn();
    leaving.abort();
    // At once: it does not wait for the others to end.
    await expect(late).rejects.toThrow(/abort/);
    for (const host of first) end(host);
    await Promise.all(all);
    await turn();
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
