import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.js';
import { isRunning, runningProcesses, signal } from './processes.js';
import { runProgram } from './program.js';
import { until } from './until.js';

/** A local account of the lab. The password is random, because other services of the machine may accept it. */
export interface Account {
  readonly name: string;
  readonly password: string;
}

/** The name contains the id of the creating process, so that a later lab can remove accounts of a killed one. */
const ENTRY = /^rdgwlab-(\d+):x:(\d+):/gm;

export async function makeAccount(lab: Lab): Promise<Account> {
  for (const [, owner, uid] of readFileSync('/etc/passwd', 'utf8').matchAll(ENTRY)) {
    if (!existsSync(`/proc/${owner}`)) await removeStaleAccount(`rdgwlab-${owner}`, Number(uid));
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
  // Handlers run in reverse order, so the account is removed after its programs have ended.
  lab.onClose(async () => void (await runProgram('userdel', [name])));
  await runProgram('chpasswd', [], { input: `${name}:${password}\n` });
  return { name, password };
}

/** The X server and the session survive a lab that was killed, and userdel fails while processes of the account run. */
async function removeStaleAccount(name: string, uid: number): Promise<void> {
  const left = runningProcesses().filter((process) => process.uid === uid);
  for (const process of left) signal(process, 'SIGKILL');
  await until(`the processes of ${name} to end`, 5_000, () => !left.some(isRunning));
  await runProgram('userdel', [name]);
}
