/** The features of this machine. A test that needs an unavailable one is not registered but listed as not run. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { it } from 'vitest';
import { recordNotRun } from './figures.js';

const permits = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

/** The reasons why features are unavailable, `undefined` for available ones. */
export const UNAVAILABLE = {
  /** Available if the launcher runs the soak in a network namespace of its own. */
  network: process.env.SOAK_NETWORK === 'own' ? undefined : 'network namespaces are not permitted',
  mounts: permits('unshare', '--mount', 'true') ? undefined : 'mount namespaces are not permitted',
  tmpfs: permits('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt') ? undefined : 'tmpfs cannot be mounted',
  faketime: undefined as string | undefined,
  limits: permits('prlimit', '--nofile=64:64', 'true') ? undefined : 'prlimit is not permitted',
};

const FAKETIME_PATHS = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (arch) => `/usr/lib/${arch}/faketime/libfaketimeMT.so.1`,
);
export const FAKETIME = FAKETIME_PATHS.find(existsSync) ?? '';
if (FAKETIME === '') UNAVAILABLE.faketime = 'libfaketime is not installed';

/** Registers a test if `reason` is undefined. Otherwise lists it with the reason as not run. */
export function itUnless(reason: string | undefined, title: string, timeout: number, test: () => Promise<void>): void {
  if (reason === undefined) it(title, { timeout }, test);
  else recordNotRun(title, reason);
}
