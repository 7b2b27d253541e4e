import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HandshakeQueue, type HandshakeRates } from '../../../src/gateway/admission/handshake-queue.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const RATES: HandshakeRates = { handshakeRate: 400, handshakeRatePerAddress: 200 };
/** What may start at once: a quarter of a second's handshakes. */
const BURST = 100;

function queueWith(rates: Partial<HandshakeRates> = {}): {
  queue: HandshakeQueue;
  started: string[];
  add: (network: string | undefined, count: number) => void;
} {
  const queue = new HandshakeQueue({ rates: { ...RATES, ...rates }, now: () => performance.now() });
  const started: string[] = [];
  const add = (network: string | undefined, count: number): void => {
    for (let index = 0; index < count; index++) queue.add(network, () => started.push(network ?? 'proxy'));
  };
  return { queue, started, add };
}

const count = (started: readonly string[], network: string): number => started.filter((one) => one === network).length;

describe('the queue of TLS handshakes', () => {
  it('starts a handshake at once while the rates allow it', () => {
    const { started, add } = queueWith();
    add('192.0.2.1', BURST);
    expect(started).toHaveLength(BURST);
    add('192.0.2.2', 1);
    expect(started).toHaveLength(BURST);
    vi.advanceTimersByTime(20);
    expect(started.at(-1)).toBe('192.0.2.2');
  });

  it('starts no more handshakes in a second than its rate, and all of them in the end', () => {
    const { started, add } = queueWith({ handshakeRatePerAddress: 100_000 });
    add('192.0.2.1', 1_000);
    for (let second = 1; second <= 2; second++) {
      vi.advanceTimersByTime(1_000);
      expect(Math.abs(started.length - (BURST + second * 400))).toBeLessThanOrEqual(8);
    }
    vi.advanceTimersByTime(1_000);
    expect(started).toHaveLength(1_000);
  });

  it('limits the rate of one address, and leaves the rest to others', () => {
    const { started, add } = queueWith({ handshakeRatePerAddress: 10 });
    add('192.0.2.1', 100);
    expect(started).toHaveLength(10);
    add('192.0.2.2', 5);
    vi.advanceTimersByTime(1_000);
    expect([count(started, '192.0.2.1'), count(started, '192.0.2.2')]).toEqual([20, 5]);
  });

  it('gives each network its turn: a flood delays others by one handshake each', () => {
    const { started, add } = queueWith();
    for (let address = 1; address <= 4; address++) add(`192.0.2.${address}`, 500);
    const before = started.length;
    add('203.0.113.1', 2);
    vi.advanceTimersByTime(40);
    expect(started.slice(before, before + 10).filter((one) => one === '203.0.113.1')).toHaveLength(2);
  });

  it('does not limit the rate of trusted proxies on their own', () => {
    const { started, add } = queueWith({ handshakeRatePerAddress: 1 });
    add(undefined, 50);
    expect(started).toHaveLength(50);
  });

  it('forgets a handshake that was cancelled, and those after it come sooner', () => {
    const { queue, started, add } = queueWith();
    add('192.0.2.1', BURST);
    const waiting = Array.from({ length: 300 }, () => queue.add('192.0.2.1', () => started.push('cancelled')));
    add('192.0.2.1', 1);
    for (const one of waiting) {
      one?.cancel();
      one?.cancel();
    }
    vi.advanceTimersByTime(20);
    expect(started.slice(BURST)).toEqual(['192.0.2.1']);
    waiting[0]?.cancel();
  });

  it('applies new rates to those that wait', () => {
    const { queue, started, add } = queueWith({ handshakeRate: 1, handshakeRatePerAddress: 100_000 });
    add('192.0.2.1', 50);
    vi.advanceTimersByTime(1_000);
    expect(started.length).toBeLessThan(4);
    queue.adjust({ handshakeRate: 100_000, handshakeRatePerAddress: 100_000 });
    vi.advanceTimersByTime(1_000);
    expect(started).toHaveLength(50);
  });

  it('starts every handshake once, in the order of its network, and never above the rates', () => {
    const step = fc.record({
      network: fc.integer({ min: 0, max: 3 }),
      count: fc.integer({ min: 0, max: 40 }),
      after: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const queue = new HandshakeQueue({
          rates: { handshakeRate: 40, handshakeRatePerAddress: 20 },
          now: () => performance.now(),
        });
        const begin = performance.now();
        const started: { network: number; number: number; at: number }[] = [];
        let made = 0;
        for (const { network, count: many, after } of steps) {
          for (let index = 0; index < many; index++) {
            const number = made++;
            queue.add(`${network}`, () => started.push({ network, number, at: performance.now() - begin }));
          }
          vi.advanceTimersByTime(after);
        }
        vi.advanceTimersByTime(120_000);
        expect(started).toHaveLength(made);
        for (const network of [0, 1, 2, 3]) {
          const own = started.filter((one) => one.network === network);
          expect(own.map(({ number }) => number)).toEqual(own.map(({ number }) => number).sort((a, b) => a - b));
          for (const [index, { at }] of own.entries()) expect(index + 1).toBeLessThanOrEqual(20 + (at / 1000) * 20 + 1);
        }
        for (const [index, { at }] of started.entries())
          expect(index + 1).toBeLessThanOrEqual(10 + (at / 1000) * 40 + 1);
      }),
      { numRuns: 30 },
    );
  });
});
