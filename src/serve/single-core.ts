/** A V8 setting for machines with a single core. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/**
 * V8 frees the memory of buffers in a separate thread, and bulk data produces up to a gigabyte of them in a second. On
 * a single core that thread has to wait for the event loop. V8 then takes the memory that is not freed yet for growth,
 * and collects the whole heap many times a second without effect (a third of the cost of a byte, or more). So on one
 * core, also where the CPU affinity limits the process to one, buffers are freed in place. V8 reads the flag each time
 * it frees buffers, so it can be set in a running process.
 */
export function freeInPlaceOnOneCore(cores = availableParallelism(), setFlags = setFlagsFromString): void {
  if (cores === 1) setFlags('--no-concurrent-array-buffer-sweeping');
}
