import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Milestone } from '../../../src/gateway/admission/milestones.js';
import { networksOf } from '../../../src/gateway/admission/networks.js';
import { type Unauthenticated, UnauthenticatedConnections } from '../../../src/gateway/admission/unauthenticated.js';

/** Slots for connections, with a clock; every connection is named. */
class Slots {
  now = 0;
  readonly #limit: number;
  readonly #connections: UnauthenticatedConnections<string>;
  readonly #byName = new Map<string, Unauthenticated<string>>();
  readonly ended: string[] = [];
  readonly rejected: string[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    this.#connections = new UnauthenticatedConnections(limit);
  }

  get size(): number {
    return this.#connections.size;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** A new connection, for which another one is ended when all slots are taken. */
  add(name: string, address: string): void {
    const path = networksOf(address);
    if (this.#connections.size >= this.#limit) {
      const replaced = this.#connections.replaceable(path, this.now);
      if (replaced === undefined) return void this.rejected.push(name);
      this.remove(replaced);
      this.ended.push(replaced);
    }
    this.#byName.set(name, this.#connections.add(name, path, this.now));
  }

  remove(name: string): void {
    const connection = this.#byName.get(name);
    this.#byName.delete(name);
    if (connection) this.#connections.remove(connection);
  }

  progress(name: string, milestone: Milestone): void {
    const connection = this.#byName.get(name);
    if (connection) this.#connections.progress(connection, milestone, this.now);
  }

  replaceableIn(address: string): string | undefined {
    return this.#connections.replaceableIn(networksOf(address), this.now);
  }

  sizeOf(...path: string[]): number {
    return this.#connections.sizeOf(path);
  }
}

describe('connections without an identity', () => {
  it('are counted for every network that contains them', () => {
    const slots = new Slots(10);
    slots.add('a', '2001:db8:1:201::1');
    slots.add('b', '2001:db8:1:202::1');
    slots.add('c', '2001:db8:2::1');
    expect([
      slots.size,
      slots.sizeOf(...networksOf('2001:db8::').slice(0, 1)),
      slots.sizeOf(...networksOf('2001:db8:1::').slice(0, 2)),
    ]).toEqual([3, 3, 2]);
    for (const name of ['a', 'b', 'c']) slots.remove(name);
    expect([slots.size, slots.sizeOf(...networksOf('2001:db8::').slice(0, 1))]).toEqual([0, 0]);
  });

  it('are ended in the order in which they became overdue', () => {
    const slots = new Slots(3);
    slots.add('a', '192.0.2.1');
    slots.add('b', '198.51.100.1');
    slots.add('c', '203.0.113.1');
    slots.now = 400;
    slots.progress('a', 'tls');
    for (const [index, name] of ['d', 'e', 'f'].entries()) slots.add(name, `10.${index}.0.1`);
    expect(slots.ended).toEqual(['b', 'c', 'd']);
  });

  it('make no progress by a milestone again, or by an earlier one', () => {
    const slots = new Slots(2);
    slots.add('a', '192.0.2.1');
    slots.progress('a', 'request');
    slots.now = 300;
    slots.add('b', '198.51.100.1');
    slots.progress('b', 'request');
    slots.now = 900;
    slots.progress('a', 'request');
    slots.progress('a', 'hello');
    slots.add('c', '203.0.113.1');
    expect(slots.ended).toEqual(['a']);
  });

  it('are ended in the network that has most of them, even if others have waited longer', () => {
    const slots = new Slots(64);
    slots.add('old', '198.51.100.1');
    slots.progress('old', 'hello');
    slots.now = 400;
    for (let index = 1; index < 64; index++) slots.add(`${index}`, `192.0.2.${1 + (index % 2)}`);
    for (let index = 0; index < 100; index++) slots.add(`new ${index}`, `192.0.2.${1 + (index % 2)}`);
    expect([slots.has('old'), slots.ended.length]).toEqual([true, 100]);
    for (let index = 0; index < 10; index++) slots.add(`other ${index}`, `10.0.0.${index}`);
    expect([slots.has('old'), slots.ended.length]).toEqual([true, 110]);
  });

  it.each([
    ['a /24', (index: number) => `192.0.2.${index % 256}`],
    ['a /56', (index: number) => `2001:db8:1:2${(index % 256).toString(16).padStart(2, '0')}::1`],
    ['a /48', (index: number) => `2001:db8:1:${index.toString(16)}::1`],
    ['a /32', (index: number) => `2001:db8:${index.toString(16)}:1::1`],
  ])('of %s end each other, not those of others', (_, address) => {
    const slots = new Slots(256);
    for (let index = 0; index < 8; index++) {
      slots.add(`other ${index}`, `198.51.100.${index}`);
      slots.progress(`other ${index}`, 'transport');
    }
    for (let index = 0; index < 20_000; index++) slots.add(`${index}`, address(index));
    expect(slots.ended.filter((name) => name.startsWith('other'))).toEqual([]);
    expect(slots.size).toBe(256);
  });

  it('of many clients behind one address are kept if they make progress and others do not', () => {
    const slots = new Slots(64);
    for (let index = 0; index < 32; index++) {
      slots.add(`user ${index}`, '198.51.100.1');
      slots.progress(`user ${index}`, 'handshake');
    }
    for (let index = 0; index < 32; index++) slots.add(`silent ${index}`, `10.0.${index}.1`);
    slots.now = 600;
    for (let index = 0; index < 32; index++) slots.add(`new ${index}`, `10.1.${index}.1`);
    expect(slots.ended.every((name) => name.startsWith('silent'))).toBe(true);
  });

  it('of an address that has most of them are not ended for more from there while they make progress', () => {
    const slots = new Slots(4);
    for (const name of ['a', 'b', 'c', 'd']) {
      slots.add(name, '192.0.2.1');
      slots.progress(name, 'hello');
    }
    slots.add('e', '192.0.2.1');
    expect([slots.rejected, slots.ended]).toEqual([['e'], []]);
    expect(slots.replaceableIn('192.0.2.1')).toBeUndefined();
    slots.add('f', '203.0.113.1');
    expect(slots.ended).toEqual(['a']);
    slots.now = 5_000;
    expect(slots.replaceableIn('192.0.2.1')).toBe('b');
    expect(slots.replaceableIn('203.0.113.9')).toBeUndefined();
  });
});

/** The milestones of a log-on over the WebSocket. */
const LOG_ON: readonly Milestone[] = ['hello', 'handshake', 'tls', 'request', 'transport', 'token'];
/** The last milestone that a connection of the flood reaches, at once. */
const REACHED = ['accepted', 'hello', 'handshake', 'tls', 'request', 'transport'] as const;

describe('an honest client that makes a milestone every 300 ms', () => {
  const SLOTS = 256;
  const flood = fc.record({
    addresses: fc.integer({ min: 1, max: 16 }),
    perSecond: fc.integer({ min: 1, max: 10_000 }),
    /** How far its connections go, in turn. */
    reached: fc.array(fc.constantFrom(...REACHED), { minLength: 1, maxLength: 4 }),
    /** Milliseconds between the milestones of the honest client. */
    steps: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: LOG_ON.length, maxLength: LOG_ON.length }),
    isIpv6: fc.boolean(),
  });

  it('is neither ended nor rejected, whatever a few addresses do at whatever rate', () => {
    fc.assert(
      fc.property(flood, ({ addresses, perSecond, reached, steps, isIpv6 }) => {
        const slots = new Slots(SLOTS);
        let made = 0;
        const attack = (until: number): void => {
          for (const step = 1000 / perSecond; made * step < until; made++) {
            slots.now = Math.max(slots.now, made * step);
            const from = made % addresses;
            slots.add(
              `flood ${made}`,
              isIpv6 ? `2001:db8:${from}:${(made % 65_536).toString(16)}::1` : `10.${from}.0.1`,
            );
            slots.progress(`flood ${made}`, reached[made % reached.length] as Milestone);
          }
          slots.now = until;
        };
        attack(500);
        slots.add('honest', '203.0.113.1');
        for (const [index, milestone] of LOG_ON.entries()) {
          attack(slots.now + (steps[index] ?? 0));
          slots.progress('honest', milestone);
        }
        attack(slots.now + 300);
        expect([slots.has('honest'), slots.rejected.includes('honest')]).toEqual([true, false]);
        expect(slots.size).toBeLessThanOrEqual(SLOTS);
      }),
      { numRuns: 50 },
    );
  });

  it('is neither ended nor rejected by silent connections from however many addresses', () => {
    const slots = new Slots(SLOTS);
    let made = 0;
    const attack = (count: number): void => {
      for (const end = made + count; made < end; made++) {
        slots.now += 0.1;
        slots.add(`flood ${made}`, `10.${(made >> 8) & 255}.${made & 255}.1`);
      }
    };
    attack(5_000);
    slots.add('honest', '203.0.113.1');
    // The ClientHello comes right after the handshake of TCP, while 200 others connect.
    attack(200);
    for (const milestone of LOG_ON) {
      slots.progress('honest', milestone);
      attack(3_000);
    }
    expect([slots.has('honest'), slots.rejected]).toEqual([true, []]);
  });
});

describe('the choice of the connection to end', () => {
  it('is the same as that of a search through all of them', () => {
    const step = fc.record({
      do: fc.constantFrom('add', 'add', 'progress', 'remove'),
      address: fc.integer({ min: 0, max: 5 }),
      pick: fc.nat(1000),
      milestone: fc.constantFrom(...LOG_ON),
      after: fc.integer({ min: 0, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const slots = new Slots(1000);
        const model = new Model();
        for (const [index, { do: action, address, pick, milestone, after }] of steps.entries()) {
          slots.now += after;
          const name = model.names[pick % Math.max(1, model.names.length)] ?? '';
          if (action === 'add') {
            slots.add(`${index}`, `10.0.0.${address}`);
            model.add(`${index}`, `10.0.0.${address}`, slots.now);
          } else if (action === 'progress') {
            slots.progress(name, milestone);
            model.progress(name, milestone, slots.now);
          } else {
            slots.remove(name);
            model.remove(name);
          }
          for (const from of [0, 3])
            expect(slots.replaceableIn(`10.0.0.${from}`)).toBe(model.first(`10.0.0.${from}`, slots.now));
        }
      }),
    );
  });
});

/** The same by search, with the allowances written out. */
class Model {
  readonly #all = new Map<string, { address: string; rank: number; since: number }>();
  static readonly #ALLOWANCES = [500, 5_000, 2_000, 1_000, 1_000, 5_000, 10_000];

  get names(): string[] {
    return [...this.#all.keys()];
  }

  add(name: string, address: string, since: number): void {
    this.#all.set(name, { address, rank: 0, since });
  }

  progress(name: string, milestone: Milestone, now: number): void {
    const one = this.#all.get(name);
    const rank = 1 + LOG_ON.indexOf(milestone);
    if (one && rank > one.rank) Object.assign(one, { rank, since: now });
  }

  remove(name: string): void {
    this.#all.delete(name);
  }

  first(address: string, now: number): string | undefined {
    const due = ({ rank, since }: { rank: number; since: number }): number => since + (Model.#ALLOWANCES[rank] ?? 0);
    const [first] = [...this.#all]
      .filter(([, one]) => one.address === address)
      .sort(([, a], [, b]) => due(a) - due(b) || a.rank - b.rank);
    if (first === undefined) return undefined;
    return first[1].rank === 0 || due(first[1]) <= now ? first[0] : undefined;
  }
}
