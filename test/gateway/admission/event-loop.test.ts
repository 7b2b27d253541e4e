import { describe, expect, it } from 'vitest';
import { OverloadDetector, watchEventLoop } from '../../../src/gateway/admission/event-loop.js';
import { createLog } from '../../../src/gateway/report/log.js';
import { sleep } from '../../support/wait.js';

const LIMIT = 200;
/** After each window of a second: is it overloaded? */
function statesAfter(...delays: readonly number[]): { states: boolean[]; lines: object[] } {
  const lines: object[] = [];
  const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(JSON.parse(line)) });
  const load = new OverloadDetector(LIMIT, log);
  const states = delays.map((delay, index) => {
    load.observe(delay, index * 1000);
    return load.overloaded;
  });
  return { states, lines };
}

describe('an overload', () => {
  it('is three slow windows in a row', () => {
    expect(statesAfter(0, 300, 201, 250).states).toEqual([false, false, false, true]);
    expect(statesAfter(900, 900, 200, 900, 900, 0, 900).states).not.toContain(true);
  });

  it('ends after three windows well below the limit', () => {
    const overload = [300, 300, 300];
    expect(statesAfter(...overload, 99, 99, 150, 99, 99, 99).states).toEqual([
      false,
      false,
      ...[true, true, true, true, true, true],
      false,
    ]);
  });

  it('says so once when it begins and once when it ends, with figures', () => {
    const { lines } = statesAfter(0, 300, 400, 300, 500, 50, 50, 50, 0);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        msg: 'overloaded: new connections are turned away',
        milliseconds: 300,
        worst: 400,
        limit: LIMIT,
      },
      { level: 'warn', msg: 'no longer overloaded', milliseconds: 50, worst: 500, limit: LIMIT, seconds: 7 },
    ]);
  });

  it('can come again', () => {
    expect(statesAfter(300, 300, 300, 0, 0, 0, 300, 300, 300).states.slice(-4)).toEqual([false, false, false, true]);
  });
});

describe('the watch', () => {
  it('sees a turn that takes long, and tells it until it begins anew', async () => {
    const log = createLog({ level: 'error', format: 'json', write: () => undefined });
    const loop = watchEventLoop(LIMIT, log);
    expect(loop.overloaded).toBe(false);
    // The first probe only begins a measurement.
    await sleep(50);
    const end = performance.now() + 150;
    while (performance.now() < end);
    await sleep(50);
    expect(loop.delay(false).max).toBeGreaterThan(0.1);
    expect(loop.delay(true).max).toBeGreaterThan(0.1);
    expect(loop.delay(false)).toEqual({ mean: 0, p50: 0, p99: 0, max: 0 });
    loop.stop();
  });
});
