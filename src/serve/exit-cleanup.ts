/**
 * Clean-up when this process exits, also after a failed start, a second signal or a lost terminal. Only a crash skips
 * it.
 */
const tasks: (() => void)[] = [];

/** Registers a synchronous clean-up task. */
export function atExit(task: () => void): void {
  if (tasks.push(task) === 1) process.once('exit', cleanUp);
}

/** Runs the tasks now: death by a signal's default action emits no `exit` event. */
export function cleanUp(): void {
  for (const task of tasks.splice(0)) task();
}
