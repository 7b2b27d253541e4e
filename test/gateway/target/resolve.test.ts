import { describe, expect, it } from 'vitest';
import { LOOKUPS_PER_USER, SILENT_AFTER_MS, SILENT_FOR_MS, sharedLookup } from '../../../src/gateway/target/resolve.js';

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

/** Lookups that end when the test calls `end`, and a clock that the test moves. */
function pendingLookups() {
  const lookedUp: string[] = [];
  const ends = new Map<string, (addresses: readonly string[]) => void>();
  let now = 0;
  const resolve = sharedLookup(
    (host) => {
      lookedUp.push(host);
      return new Promise((answer) => ends.set(host, answer));
    },
    () => now,
  );
  const end = (host: string, addresses = ['10.0.0.1']): void => {
    ends.get(host)?.(addresses);
    ends.delete(host);
  };
  return {
    lookedUp,
    resolve,
    end,
    /** The names whose lookups are in progress. */
    running: () => [...ends.keys()],
    pass: (ms: number) => {
      now += ms;
    },
    /** Requests lookups that nothing waits for. */
    request: (user: string, hosts: readonly string[]) => {
      for (const host of hosts) resolve(host, user, new AbortController().signal).catch(() => undefined);
    },
    /** Makes the names known: they answer at once. */
    answered: async (hosts: readonly string[]) => {
      for (const host of hosts) {
        const answer = resolve(host, 'admin', signal);
        await turn();
        end(host);
        await answer;
      }
      lookedUp.length = 0;
    },
  };
}

describe('names that do not answer', () => {
  const names = (zone: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${index}.${zone}`);

  it.each([1, 2, 3, 4, 40])('of %d users with 14 such names each leave threads to others', async (users) => {
    const { request, lookedUp, running, end, resolve, answered } = pendingLookups();
    await answered(['known.example']);
    for (let user = 0; user < users; user++) request(`mallory${user}`, names(`dead${user}.example`, 14));
    await turn();
    expect(running().length).toBeLessThanOrEqual(12);
    const known = resolve('known.example', 'alice', signal);
    await turn();
    expect(lookedUp).toContain('known.example');
    end('known.example');
    expect(await known).toEqual(['10.0.0.1']);
    if (users > 3) return;
    const unknown = resolve('new.example', 'alice', signal);
    await turn();
    end('new.example');
    expect(await unknown).toEqual(['10.0.0.1']);
  });

  it('of one zone leave threads to unknown names of others, however many users request one each', async () => {
    const { request, running, end, resolve } = pendingLookups();
    for (const [index, name] of names('dead.example', 100).entries()) request(`user${index}`, [name]);
    await turn();
    expect(running()).toHaveLength(6);
    const other = resolve('new.example', 'alice', signal);
    await turn();
    end('new.example');
    expect(await other).toEqual(['10.0.0.1']);
  });

  it('get a quarter of the threads when they are requested again, by anybody', async () => {
    const { request, running, end, pass } = pendingLookups();
    const dead = Array.from({ length: 12 }, (_, index) => `desk.dead${index}.example`);
    for (const [index, name] of dead.entries()) request(`user${index}`, [name]);
    await turn();
    expect(running()).toHaveLength(12);
    pass(SILENT_AFTER_MS + 1);
    for (const name of dead) end(name, []);
    await turn();
    for (const [index, name] of dead.entries()) request(`other${index}`, [name]);
    await turn();
    expect(running()).toHaveLength(4);
  });

  it('make their user wait for further unknown names, but not for known ones', async () => {
    const { request, running, end, pass, answered } = pendingLookups();
    await answered(['known.example']);
    request('mallory', ['first.dead.example']);
    await turn();
    pass(SILENT_AFTER_MS + 1);
    end('first.dead.example', []);
    await turn();
    request('mallory', ['a.other.example', 'b.another.example', 'known.example']);
    await turn();
    expect(running()).toEqual(['a.other.example', 'known.example']);
  });

  it('count as such while they are still looked up', async () => {
    const { request, running, end, pass, lookedUp } = pendingLookups();
    request('mallory', ['old.dead.example']);
    await turn();
    pass(SILENT_AFTER_MS + 1);
    end('old.dead.example', []);
    await turn();
    const dead = Array.from({ length: 4 }, (_, index) => `desk.dead${index}.example`);
    for (const [index, name] of dead.entries()) request(`user${index}`, [name]);
    await turn();
    pass(SILENT_AFTER_MS + 1);
    lookedUp.length = 0;
    request('alice', ['old.dead.example']);
    await turn();
    expect(running()).toEqual(dead);
    end('desk.dead0.example', []);
    await turn();
    expect(lookedUp).toEqual(['old.dead.example']);
  });

  it('are unknown again after a while, and known when they answer', async () => {
    const { request, running, end, pass, lookedUp } = pendingLookups();
    const dead = Array.from({ length: 6 }, (_, index) => `desk.dead${index}.example`);
    const again = (prefix: string) => {
      for (const [index, name] of dead.entries()) request(`${prefix}${index}`, [name]);
      return turn();
    };
    await again('a');
    pass(SILENT_AFTER_MS + 1);
    for (const name of dead) end(name, []);
    await turn();
    pass(SILENT_FOR_MS);
    await again('b');
    expect(running()).toHaveLength(6);
    for (const name of dead) end(name);
    await turn();
    expect(running()).toEqual([]);
    // All six are known now, so the limits for unknown names do not apply.
    request('mallory', names('x.example', 3));
    request('trudy', names('y.example', 3));
    request('eve', names('z.example', 3));
    request('oscar', names('w.example', 3));
    await turn();
    lookedUp.length = 0;
    await again('c');
    expect(lookedUp).toEqual(dead.slice(0, 4));
  });

  it('that exist nowhere are not silent: the name server has answered', async () => {
    const { request, running, end } = pendingLookups();
    const absent = names('example', 6);
    request('alice', absent.slice(0, 3));
    request('bob', absent.slice(3));
    await turn();
    for (const name of absent) end(name, []);
    await turn();
    request('alice', absent.slice(0, 3));
    request('bob', absent.slice(3));
    await turn();
    expect(running()).toHaveLength(6);
  });
});

describe('a user with many unanswered names', () => {
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
