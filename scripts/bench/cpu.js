// What a program takes of the machine: itself, its threads and its children.
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds on a processor. A thread or child that has ended is no longer counted. */
export function cpuOf(pid) {
  return tree(pid)
    .flatMap(threads)
    .reduce((sum, path) => sum + Number(read(`${path}/schedstat`).split(' ')[0]), 0);
}

/** Resident bytes. */
export function memoryOf(pid) {
  return tree(pid).reduce((sum, one) => {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${one}/status`)) ?? [];
    return sum + Number(kilobytes ?? 0) * 1024;
  }, 0);
}

/** The process and whatever it has started, children of children included. */
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

/** Empty once it is gone. */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
