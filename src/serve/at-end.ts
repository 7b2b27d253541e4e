/** What must not stay behind, whatever ends this process: a failed start, a second signal, a terminal that is gone. All but SIGKILL. */
const tasks: (() => void)[] = [];

export function atEnd(task: () => void): void {
  if (tasks.push(task) === 1) process.once('exit', cleanUp);
}

/** For an end of which nobody hears. */
export function cleanUp(): void {
  for (const task of tasks.splice(0)) task();
}
