/** What this machine permits. A test that needs more is not registered, and told as not run. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { it } from 'vitest';
import { recordNotRun } from './figures.js';

const permits = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

/** Why not; `undefined` where it can be had. */
export const LACKS = {
  /** The launcher has put the whole soak into a network of its own. */
  network: process.env.SOAK_NETWORK === 'own' ? undefined : 'network namespaces are not permitted',
  mounts: permits('unshare', '--mount', 'true') ? undefined : 'mount namespaces are not permitted',
  tmpfs: permits('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt') ? undefined : 'tmpfs cannot be mounted',
  faketime: undefined as string | undefined,
  limits: permits('prlimit', '--nofile=64:64', 'true') ? undefined : 'prlimit is not permitted',
};

const FAKETIME_PLACES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (arch) => `/usr/lib/${arch}/faketime/libfaketimeMT.so.1`,
);
export const FAKETIME = FAKETIME_PLACES.find(existsSync) ?? '';
if (FAKETIME === '') LACKS.faketime = 'libfaketime is not installed';

/** A test where nothing is lacking, otherwise a line in the list of what was not run. */
export function itNeeds(lacks: string | undefined, title: string, timeout: number, test: () => Promise<void>): void {
  if (lacks === undefined) it(title, { timeout }, test);
  else recordNotRun(title, lacks);
}
