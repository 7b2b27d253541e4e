import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRunning, processesWith, signal } from './processes.js';
import { runProgram } from './program.js';
import { until } from './until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TAG = 'RDGW_LAB';
/** A machine that is not set up yet needs one to three minutes, most of it for the chroot. */
const SETUP_LIMIT_MS = 280_000;

/** Owns a temporary folder and everything that was started in it. One per test file. */
export interface Lab {
  /** Readable by every account, since the sessions of xrdp run in one of their own. */
  readonly folder: string;
  /** The root folder of the newer FreeRDP. */
  readonly chroot: string;
  /** The search path of everything that the lab starts. */
  readonly path: string;
  /** An environment by which everything that the lab has started can be found again. */
  readonly tag: Readonly<Record<string, string>>;
  /** Where screenshots and logs of failures are kept, outside the temporary folder. */
  readonly results: string;
  /** Called in reverse order when the lab closes. */
  onClose(undo: () => Promise<void> | void): void;
  /** Ends everything; fails, after ending that too, when something of the lab's is still running. */
  close(): Promise<void>;
}

/**
 * Opens a lab on a machine that is set up; where it is not, this sets it up or fails with what is missing.
 * @param name also that of its folder in .test-results, which is emptied
 */
export async function openLab(name: string): Promise<Lab> {
  const where = await runProgram(process.execPath, [join(ROOT, 'scripts/test-setup.js'), '--where'], {
    limitMs: SETUP_LIMIT_MS,
  });
  const chroot = where.trim();
  sweepFolders(tmpdir());
  sweepFolders(join(chroot, 'tmp'));
  const folder = mkdtempSync(join(tmpdir(), folderPrefix()));
  chmodSync(folder, 0o755);
  const results = join(ROOT, '.test-results', name);
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const id = randomUUID();
  const undos: (() => Promise<void> | void)[] = [];
  return {
    folder,
    chroot,
    path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    tag: { [TAG]: id },
    results,
    onClose: (undo) => void undos.push(undo),
    close: async () => {
      const failures: unknown[] = [];
      for (const undo of undos.splice(0).reverse()) {
        await Promise.resolve()
          .then(undo)
          .catch((error: unknown) => failures.push(error));
      }
      await sweep(id).catch((error: unknown) => failures.push(error));
      rmSync(folder, { recursive: true, force: true });
      if (failures.length > 0) throw new AggregateError(failures, `the lab did not close: ${failures.join('; ')}`);
    },
  };
}

/** Of every folder that the lab makes for a while: it tells which process made it. */
export function folderPrefix(): string {
  return `rdgw-lab-${process.pid}-`;
}

/** Removes what a lab that was killed has left. */
function sweepFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const owner = /^rdgw-lab-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

async function sweep(id: string): Promise<void> {
  const left = processesWith(TAG, id);
  for (const process of left) signal(process, 'SIGKILL');
  await until('the rest to end', 5_000, () => !left.some(isRunning));
  if (left.length > 0) throw new Error(`still running: ${left.map((one) => `${one.name} (${one.pid})`).join(', ')}`);
}
