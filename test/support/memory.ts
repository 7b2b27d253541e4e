/** What the process holds on to. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Runs the garbage collector, whatever the flags of the process. */
export function collectGarbage(): void {
  gc();
}

/** Bytes in use on the heap and in buffers, without garbage. */
export async function memoryInUse(): Promise<number> {
  // Finalizers and the close events of sockets take turns of the loop; a second pass frees what they let go.
  for (let pass = 0; pass < 3; pass++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Sockets, timers and the like that keep the process alive, counted by kind. */
export function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
