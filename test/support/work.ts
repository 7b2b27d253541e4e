/** Counts what code does instead of how long it takes, so that a busy machine changes nothing. */
import { Session } from 'node:inspector/promises';

export interface WorkCounter {
  /**
   * Returns how many blocks of JavaScript in files whose path matches `files` `act` executes: each pass through a loop
   * counts. What native code does (regular expressions, `indexOf`) is not counted.
   */
  of(files: RegExp, act: () => unknown): Promise<number>;
  stop(): void;
}

/** Starts to count. INVARIANT: it is called before the code runs for the first time: V8 counts no blocks in older code. */
export async function countWork(): Promise<WorkCounter> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    async of(files, act) {
      await session.post('Profiler.takePreciseCoverage');
      act();
      const { result } = await session.post('Profiler.takePreciseCoverage');
      return result
        .filter(({ url }) => files.test(url))
        .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
        .reduce((sum, { count }) => sum + count, 0);
    },
    stop: () => session.disconnect(),
  };
}
