/** Memory and resources of the test process. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Runs the garbage collector. It does not need a flag on the command line. */
export function collectGarbage(): void {
  gc();
}

/** Bytes in use on the heap and in buffers after garbage collection. */
export async function memoryInUse(): Promise<number> {
  // Finalizers and close events run in later turns of the event loop. Further passes free what they release.
  for (let pass = 0; pass < 3; pass++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The numbers of sockets, timers and other resources that keep the process alive, by kind. */
export function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
