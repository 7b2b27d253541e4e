import { spawn } from 'node:child_process';

/** Programs that only ask or draw something take well under a second; a machine with two busy cores takes longer. */
const RUN_LIMIT_MS = 30_000;

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end without a shell; fails when it cannot start or takes too long, not for its exit code. */
export function askProgram(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string | Uint8Array; readonly limitMs?: number } = {},
): Promise<ProgramEnd> {
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
    // A program that ends without reading what it was given is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** As `askProgram`, and fails with what the program said unless it exits with 0. Returns its standard output. */
export async function runProgram(...call: Parameters<typeof askProgram>): Promise<string> {
  const end = await askProgram(...call);
  if (end.exitCode !== 0) throw new Error(`${call[0]} ${call[1].join(' ')}: exit code ${end.exitCode}\n${end.stderr}`);
  return end.stdout;
}
