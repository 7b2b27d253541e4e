// CPU time and memory of a process with its threads and descendants.
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time in nanoseconds. Threads and processes that have ended are not included. */
export function cpuOf(pid) {
  return tree(pid)
    .flatMap(threads)
    .reduce((sum, path) => sum + Number(read(`${path}/schedstat`).split(' ')[0]), 0);
}

/** Resident memory in bytes. */
export function memoryOf(pid) {
  return tree(pid).reduce((sum, one) => {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${one}/status`)) ?? [];
    return sum + Number(kilobytes ?? 0) * 1024;
  }, 0);
}

/** The ids of the process and of all its descendants. */
export function tree(pid) {
  const children = threads(pid).flatMap((path) => read(`${path}/children`).split(' ').filter(Boolean).map(Number));
  return [pid, ...children.flatMap(tree)];
}

function threads(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  } catch {
    return [];
  }
}

/** Empty when the process has ended. */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
