import { describe, expect, it } from 'vitest';
import { LOOKUPS_PER_USER, sharedLookup } from '../../../src/gateway/target/resolve.js';

const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('looks a name up once at a time, and again after the answer', async () => {
  const lookedUp: string[] = [];
  const answers: ((addresses: readonly string[]) => void)[] = [];
  const resolve = sharedLookup((host) => {
    lookedUp.push(host);
    return new Promise((answer) => answers.push(answer));
  });
  const both = [resolve('desk', 'alice', signal), resolve('desk', 'alice', signal), resolve('other', 'alice', signal)];
  await turn();
  expect(lookedUp).toEqual(['desk', 'other']);
  answers[0]?.(['10.0.0.1']);
  answers[1]?.(['10.0.0.2']);
  expect(await Promise.all(both)).toEqual([['10.0.0.1'], ['10.0.0.1'], ['10.0.0.2']]);
  const again = resolve('desk', 'alice', signal);
  await turn();
  answers[2]?.(['10.0.0.3']);
  expect(await again).toEqual(['10.0.0.3']);
});

describe('a user with many unanswered names', () => {
  /** Lookups that end when the test calls `end`. */
  function pendingLookups() {
    const lookedUp: string[] = [];
    const ends = new Map<string, () => void>();
    const resolve = sharedLookup((host) => {
      lookedUp.push(host);
      return new Promise((answer) => ends.set(host, () => answer(['10.0.0.1'])));
    });
    return { lookedUp, resolve, end: (host: string) => ends.get(host)?.() };
  }
  const names = (zone: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${index}.${zone}`);

  it('waits for a free slot, and does not delay other users', async () => {
    const { lookedUp, resolve, end } = pendingLookups();
    const [first, late, more] = [names('dead', LOOKUPS_PER_USER), names('late', 2), names('more', LOOKUPS_PER_USER)];
    const all = [...first, ...late].map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(lookedUp).toEqual(first);
    const other = resolve('desk', 'alice', signal);
    await turn();
    expect(lookedUp.at(-1)).toBe('desk');
    end('desk');
    expect(await other).toEqual(['10.0.0.1']);
    for (const host of first) end(host);
    await turn();
    expect(lookedUp.slice(-2)).toEqual(late);
    for (const host of late) end(host);
    await Promise.all(all);
    // Every slot was released.
    const again = more.map((host) => resolve(host, 'mallory', signal));
    await turn();
    expect(lookedUp.slice(-LOOKUPS_PER_USER)).toEqual(more);
    for (const host of more) end(host);
    await Promise.all(again);
  });

  it('starts no lookup whose session has ended', async () => {
    const { lookedUp, resolve, end } = pendingLookups();
    const first = names('dead', LOOKUPS_PER_USER);
    const all = first.map((host) => resolve(host, 'mallory', signal));
    const aborter = new AbortController();
    const late = resolve('late', 'mallory', aborter.signal);
    await turn();
    aborter.abort();
    // At once, without waiting for the other lookups.
    await expect(late).rejects.toThrow(/abort/);
    for (const host of first) end(host);
    await Promise.all(all);
    await turn();
    expect(lookedUp).not.toContain('late');
  });
});

it('fails for all sessions that wait, and the next one looks the name up again', async () => {
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

it('uses the system resolver', async () => {
  const addresses = await sharedLookup()('localhost', 'alice', signal);
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
