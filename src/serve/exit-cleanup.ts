/** What must not stay behind, when this process ends: a failed start, a second signal, a terminal that is gone. Only a crash leaves it. */
const tasks: (() => void)[] = [];

export function atExit(task: () => void): void {
  if (tasks.push(task) === 1) process.once('exit', cleanUp);
}

/** For an end of which nobody hears. */
export function cleanUp(): void {
  for (const task of tasks.splice(0)) task();
}
