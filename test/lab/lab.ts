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
/** The first set-up of a machine takes one to three minutes, most of it for the chroot. */
const SETUP_LIMIT_MS = 280_000;

/** Owns a temporary folder and all processes that a test file starts. Each test file has one. */
export interface Lab {
  /** Readable by every account, because the sessions of xrdp run in their own account. */
  readonly folder: string;
  /** The root folder of the newer FreeRDP. */
  readonly chroot: string;
  /** The PATH of all programs of the lab. */
  readonly path: string;
  /** An environment variable that marks all processes of the lab. */
  readonly tag: Readonly<Record<string, string>>;
  /** The folder for screenshots and logs of failures. It is kept when the lab closes. */
  readonly results: string;
  /** Registers a handler for `close`, which calls all handlers in reverse order. */
  onClose(undo: () => Promise<void> | void): void;
  /** Ends all processes. Rejects if processes were still running after the handlers, and kills these as well. */
  close(): Promise<void>;
}

/**
 * Opens a lab. Installs what is missing on the machine, or rejects with a list of it.
 * @param name the name of its folder in .test-results, which is emptied
 */
export async function openLab(name: string): Promise<Lab> {
  const output = await runProgram(process.execPath, [join(ROOT, 'scripts/test-setup.js'), '--where'], {
    limitMs: SETUP_LIMIT_MS,
  });
  const chroot = output.trim();
  removeStaleFolders(tmpdir());
  removeStaleFolders(join(chroot, 'tmp'));
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
      await killLeftovers(id).catch((error: unknown) => failures.push(error));
      rmSync(folder, { recursive: true, force: true });
      if (failures.length > 0) throw new AggregateError(failures, `the lab did not close: ${failures.join('; ')}`);
    },
  };
}

/** The prefix of temporary folders. It contains the id of the process that made them. */
export function folderPrefix(): string {
  return `rdgw-lab-${process.pid}-`;
}

/** Removes temporary folders of processes that no longer run. */
function removeStaleFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const owner = /^rdgw-lab-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

async function killLeftovers(id: string): Promise<void> {
  const left = processesWith(TAG, id);
  for (const process of left) signal(process, 'SIGKILL');
  await until('remaining processes to end', 5_000, () => !left.some(isRunning));
  if (left.length > 0) throw new Error(`still running: ${left.map((one) => `${one.name} (${one.pid})`).join(', ')}`);
}
