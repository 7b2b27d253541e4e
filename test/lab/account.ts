import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.js';
import { isRunning, runningProcesses, signal } from './processes.js';
import { runProgram } from './program.js';
import { until } from './until.js';

/** A local account that lives as long as the lab; its password is random, since the machine may have other doors. */
export interface Account {
  readonly name: string;
  readonly password: string;
}

/** Its name tells which process made it, so that a later lab can remove what a killed one has left. */
const ENTRY = /^rdgwlab-(\d+):x:(\d+):/gm;

export async function makeAccount(lab: Lab): Promise<Account> {
  for (const [, owner, uid] of readFileSync('/etc/passwd', 'utf8').matchAll(ENTRY)) {
    if (!existsSync(`/proc/${owner}`)) await removeLeftAccount(`rdgwlab-${owner}`, Number(uid));
  }
  const name = `rdgwlab-${process.pid}`;
  const password = randomBytes(12).toString('hex');
  const home = join(lab.folder, 'account');
  await runProgram('useradd', [
    '--system',
    '--user-group',
    '--create-home',
    '--home-dir',
    home,
    '--shell',
    '/bin/sh',
    name,
  ]);
  // Registered before the programs of the account start, hence run after they have ended.
  lab.onClose(async () => void (await runProgram('userdel', [name])));
  await runProgram('chpasswd', [], { input: `${name}:${password}\n` });
  return { name, password };
}

/** An X server and a session outlive a lab that was killed, and keep the account from being removed. */
async function removeLeftAccount(name: string, uid: number): Promise<void> {
  const left = runningProcesses().filter((process) => process.uid === uid);
  for (const process of left) signal(process, 'SIGKILL');
  await until(`the processes of ${name} to end`, 5_000, () => !left.some(isRunning));
  await runProgram('userdel', [name]);
}
