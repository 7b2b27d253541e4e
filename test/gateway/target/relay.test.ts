import { afterEach, describe, expect, it } from 'vitest';
import { WRITE_WINDOW, WRITES_MAX } from '../../../src/gateway/io/write-queue.js';
import { dial, type Relay } from '../../../src/gateway/target/relay.js';
import { type TestTarget, testTarget } from '../../support/target.js';
import { eventually, sleep } from '../../support/wait.js';

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
  relay.resume();
  return { drained: () => drained };
}

describe('bytes that wait to be written to a target', () => {
  it('are limited to a number of writes of any length, and `drain` follows when they are taken', async () => {
    let got = 0;
    const { drained } = await open((socket) => socket.on('data', ({ length }) => (got += length)));
    for (let turn = 1; turn <= 3; turn++) {
      let writes = 1;
      while (relay.write(Buffer.from('.'))) writes++;
      expect(writes).toBeLessThanOrEqual(WRITES_MAX);
      await eventually(() => drained() === turn);
    }
    await eventually(() => got === relay.taken);
    expect(relay.waiting).toBe(0);
  });

  it('are limited to a window', async () => {
    const block = Buffer.alloc(1000);
    const { drained } = await open((socket) => void socket.resume());
    // The system takes the first write; the others wait for the end of the turn of the event loop.
    while (relay.write(block));
    expect(relay.waiting).toBeGreaterThanOrEqual(WRITE_WINDOW);
    expect(relay.waiting).toBeLessThan(WRITE_WINDOW + block.length);
    await eventually(() => drained() === 1);
  });
});

describe('bytes that a target sends', () => {
  it('are not read before `resume`', async () => {
    target = await testTarget((socket) => void socket.write('hello'));
    relay = await dial('127.0.0.1', target.port, 5_000, new AbortController().signal);
    let got = '';
    relay.open({ bytes: (bytes) => (got += bytes), drain: () => undefined, end: () => undefined });
    relay.pause();
    await sleep(50);
    expect(got).toBe('');
    relay.resume();
    await eventually(() => got === 'hello');
  });
});
