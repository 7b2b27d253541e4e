import { describe, expect, it } from 'vitest';
import { OverloadDetector, watchEventLoop } from '../../../src/gateway/admission/event-loop.js';
import { createLog } from '../../../src/gateway/report/log.js';
import { sleep } from '../../support/wait.js';

const LIMIT = 200;
/** The state after each window of 1 s: overloaded or not. */
function statesAfter(...delays: readonly number[]): { states: boolean[]; lines: object[] } {
  const lines: object[] = [];
  const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(JSON.parse(line)) });
  const detector = new OverloadDetector(LIMIT, log);
  const states = delays.map((delay, index) => {
    detector.observe(delay, index * 1000);
    return detector.overloaded;
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

  it('is logged once when it begins and once when it ends, with the measured delays', () => {
    const { lines } = statesAfter(0, 300, 400, 300, 500, 50, 50, 50, 0);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        event: 'overload.started',
        milliseconds: 300,
        worst: 400,
        limit: LIMIT,
      },
      { level: 'warn', event: 'overload.ended', milliseconds: 50, worst: 500, limit: LIMIT, seconds: 7 },
    ]);
  });

  it('can occur again', () => {
    expect(statesAfter(300, 300, 300, 0, 0, 0, 300, 300, 300).states.slice(-4)).toEqual([false, false, false, true]);
  });
});

describe('the watch on the event loop', () => {
  it('measures a long turn, and reports it until it is reset', async () => {
    const log = createLog({ level: 'error', format: 'json', write: () => undefined });
    const loop = watchEventLoop(LIMIT, log);
    expect(loop.overloaded).toBe(false);
    // The first probe only starts a measurement.
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
