import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Relay, RelayEvents } from '../../../src/gateway/target/relay.js';
import { Uplink } from '../../../src/gateway/tunnel/uplink.js';

const TIMEOUTS = { stall: 10_000, close: 1_000 };
const DATA = Buffer.from('data');

/** A connection that the test controls. */
function relay() {
  let events: RelayEvents | undefined;
  let closeRelay: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    closeRelay = resolve;
  });
  const lingers: number[] = [];
  const state = { takes: true, waiting: 0 };
  const end = (lingerMs: number): void => void lingers.push(lingerMs);
  const connection: Relay = {
    get waiting() {
      return state.waiting;
    },
    taken: 0,
    open: (handlers) => {
      events = handlers;
    },
    write: () => state.takes,
    pause: () => undefined,
    resume: () => undefined,
    end,
    closed: () => closed,
  };
  return { connection, lingers, closeRelay, state, drain: () => events?.drain() };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

let uplink: Uplink;
let drained: number;
const open = (): void => uplink.open({ bytes: () => undefined, drain: () => void drained++, end: () => undefined });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  uplink = new Uplink(TIMEOUTS);
  drained = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

it('is full from the write that returns false until the drain, or until the target is dropped', () => {
  const { connection, state, drain } = relay();
  uplink.take(connection);
  open();
  uplink.write(DATA);
  expect(uplink.full).toBe(false);
  state.takes = false;
  uplink.write(DATA);
  expect(uplink.full).toBe(true);
  drain();
  expect([uplink.full, drained]).toEqual([false, 1]);
  uplink.write(DATA);
  uplink.drop();
  expect([uplink.full, uplink.isUp]).toEqual([false, false]);
});

it('has a separate stall time for each target', () => {
  const [first, second] = [relay(), relay()];
  for (const { state } of [first, second]) state.waiting = 1;
  uplink.take(first.connection);
  const stalls = (from: number): boolean => {
    for (let at = from; at < from + TIMEOUTS.stall; at += 1_000) if (uplink.hasStalled(at)) return true;
    return uplink.hasStalled(from + TIMEOUTS.stall);
  };
  expect(stalls(0)).toBe(true);
  uplink.drop();
  expect(uplink.hasStalled(50_000)).toBe(false);
  uplink.take(second.connection);
  expect(uplink.hasStalled(60_000)).toBe(false);
  expect(stalls(60_000)).toBe(true);
});

it('waits until the former target is closed, and cuts it after 3 s', async () => {
  const { connection, lingers, closeRelay } = relay();
  uplink.take(connection);
  uplink.drop();
  let cleared = false;
  void uplink.clear().then(() => {
    cleared = true;
  });
  vi.advanceTimersByTime(2_999);
  expect(lingers).toEqual([TIMEOUTS.close]);
  vi.advanceTimersByTime(1);
  expect(lingers).toEqual([TIMEOUTS.close, 0]);
  await turn();
  expect(cleared).toBe(false);
  closeRelay();
  await turn();
  expect(cleared).toBe(true);
});

it('releases at once without a target, otherwise when the last one is closed', async () => {
  let released = 0;
  uplink.onceClosed(() => released++);
  expect(released).toBe(1);
  const { connection, closeRelay } = relay();
  uplink.take(connection);
  uplink.drop(0);
  uplink.onceClosed(() => released++);
  await turn();
  expect(released).toBe(1);
  closeRelay();
  await turn();
  expect(released).toBe(2);
});
