import { readdirSync, readFileSync, statSync } from 'node:fs';

/** A process. Its start time distinguishes it from a later process with the same id. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The account of the process. */
  readonly uid: number;
  /** Clock ticks since boot. */
  readonly startedAt: string;
  readonly name: string;
}

/** All running processes, without zombies. */
export function runningProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((process) => process !== undefined);
}

/** The process and all its descendants. */
export function processTree(pid: number): Process[] {
  const all = runningProcesses();
  const tree = all.filter((process) => process.pid === pid);
  for (const process of tree) tree.push(...all.filter((other) => other.parent === process.pid));
  return tree;
}

/** The processes whose initial environment contains the variable with this value. */
export function processesWith(variable: string, value: string): Process[] {
  return runningProcesses().filter((process) => {
    try {
      return readFileSync(`/proc/${process.pid}/environ`, 'utf8').split('\0').includes(`${variable}=${value}`);
    } catch {
      return false;
    }
  });
}

export function isRunning(process: Process): boolean {
  return readProcess(process.pid)?.startedAt === process.startedAt;
}

/** Signals the process unless it has ended. Never signals a later process with the same id. */
export function signal(process: Process, name: NodeJS.Signals): void {
  if (isRunning(process)) globalThis.process.kill(process.pid, name);
}

function readProcess(pid: number): Process | undefined {
  let stat: string;
  let uid: number;
  try {
    uid = statSync(`/proc/${pid}`).uid;
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name is in parentheses and may contain any character. proc(5) counts the fields from 1.
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat.slice(nameEnd + 2).split(' ');
  const [state, parent, startedAt] = [fields[0], Number(fields[1]), fields[19] ?? ''];
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, parent, uid, startedAt, name: stat.slice(stat.indexOf('(') + 1, nameEnd) };
}
