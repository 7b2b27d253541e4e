/** What a machine with one core asks of V8. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/**
 * V8 frees the memory of buffers in a thread of its own, and bulk data leaves it a gigabyte in a second. On a single core that thread
 * has to wait for the event loop: V8 takes what is not freed yet for growth, and goes through the whole heap many times a second
 * in vain (a third of the cost of a byte, or more). There, and wherever its affinity confines this process to one core, buffers are
 * freed in place. The flag is looked up each time that V8 frees, so that it may change in a process that runs.
 */
export function freeInPlaceOnOneCore(cores = availableParallelism(), setFlags = setFlagsFromString): void {
  if (cores === 1) setFlags('--no-concurrent-array-buffer-sweeping');
}
