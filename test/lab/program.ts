import { spawn } from 'node:child_process';

/** These programs take well under a second, but longer on a busy machine. */
const RUN_LIMIT_MS = 30_000;

export interface ProgramResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects when it cannot start or takes too long, but not for its exit code. */
export function tryProgram(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string | Uint8Array; readonly limitMs?: number } = {},
): Promise<ProgramResult> {
  const limitMs = options.limitMs ?? RUN_LIMIT_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, timeout: limitMs });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (exitCode) => {
      if (exitCode === null) reject(new Error(`${program} took more than ${limitMs} ms`));
      else resolve({ exitCode, stdout, stderr });
    });
    // A program may end without reading its input; only its exit code matters.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Like `tryProgram`, but rejects with stderr unless the exit code is 0. Resolves with stdout. */
export async function runProgram(...call: Parameters<typeof tryProgram>): Promise<string> {
  const end = await tryProgram(...call);
  if (end.exitCode !== 0) throw new Error(`${call[0]} ${call[1].join(' ')}: exit code ${end.exitCode}\n${end.stderr}`);
  return end.stdout;
}
