import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
/** The root of the package under test. RDGW_TEST_ROOT selects another compiled copy, whose age is not checked. */
export const CLI_ROOT = process.env.RDGW_TEST_ROOT ?? HERE;

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The bytes of stdout. */
  readonly bytes: Buffer;
}

export interface CliOptions {
  readonly cwd: string;
  /**
   * Added to a minimal environment without RDGW_…, NO_COLOR and the like. The default of RDGW_DATA_DIR is `cwd/data`.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** A file descriptor for stdout, which is then not captured. */
  readonly stdout?: number;
}

/** Runs the compiled `rdgw` and waits for its end. */
export async function rdgw(args: readonly string[], { cwd, env = {}, stdout }: CliOptions): Promise<CliRun> {
  checkBuild();
  const child = spawn(process.execPath, [join(CLI_ROOT, 'bin', 'run.js'), ...args], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: join(cwd, 'home'),
      RDGW_DATA_DIR: join(cwd, 'data'),
      TZ: 'UTC',
      ...env,
    },
    stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const bytes = Buffer.concat(out);
  return { code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() };
}

let checked = false;

/** Throws if the build is missing or older than the sources. */
export function checkBuild(): void {
  if (checked || CLI_ROOT !== HERE) return;
  const built = join(CLI_ROOT, 'dist', 'src', 'cli', 'index.js');
  if (!existsSync(built) || statSync(built).mtimeMs < Math.max(newest('src'), newest('commands'))) {
    throw new Error('dist is missing or older than the sources: npm run build');
  }
  checked = true;
}

function newest(folder: string): number {
  const files = readdirSync(join(HERE, folder), { recursive: true, withFileTypes: true });
  const times = files
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(0, ...times);
}
