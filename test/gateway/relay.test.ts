import { afterEach, describe, expect, it } from 'vitest';
import { WRITES_MAX } from '../../src/gateway/outlet.js';
import { dial, type Relay } from '../../src/gateway/relay.js';
import { type TestTarget, testTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

let target: TestTarget;
let relay: Relay;

afterEach(async () => {
  relay.end(0);
  await target.stop();
});

async function open(serve?: Parameters<typeof testTarget>[0]) {
  target = await testTarget(serve);
  relay = await dial('127.0.0.1', target.port, 5_000, new AbortController().signal);
  let drained = 0;
  relay.open({ bytes: () => undefined, drain: () => drained++, end: () => undefined });
  return { drained: () => drained };
}

/** Writes single bytes until the relay asks to wait; how many that were. */
function fill(): number {
  let writes = 1;
  while (relay.write(Buffer.from('.'))) writes++;
  return writes;
}

describe('what waits to be written to a target', () => {
  it('is so many writes at most, however short they are, and there is room again when they are taken', async () => {
    let got = 0;
    const { drained } = await open((socket) => socket.on('data', ({ length }) => (got += length)));
    for (let turn = 1; turn <= 3; turn++) {
      expect(fill()).toBeLessThanOrEqual(WRITES_MAX);
      await eventually(() => drained() === turn);
    }
    await eventually(() => got === relay.taken);
    expect(relay.waiting).toBe(0);
  });

  it('does not hold on to a large chunk for a few bytes of it', async () => {
    const got: Buffer[] = [];
    await open((socket) => socket.on('data', (bytes) => got.push(bytes)));
    const chunk = Buffer.alloc(16_384, '.');
    relay.write(Buffer.from('first'));
    // On its heels: it waits for the end of the turn.
    relay.write(chunk.subarray(100, 103));
    chunk.fill('x');
    await eventually(() => Buffer.concat(got).toString() === 'first...');
  });

  it('has room again where bytes and writes were too many', async () => {
    const { drained } = await open((socket) => void socket.resume());
    fill();
    expect(relay.write(Buffer.alloc(1024 * 1024))).toBe(false);
    await eventually(() => relay.waiting === 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(drained()).toBeGreaterThan(0);
    expect(relay.write(Buffer.from('.'))).toBe(true);
  });
});
