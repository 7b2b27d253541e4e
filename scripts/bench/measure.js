// Measures the run time and the peak memory of a program.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** The kernel keeps the peak (VmHWM), so polling misses only the growth in the last interval of a program. */
const POLL_INTERVAL_MS = 20;

/**
 * Runs a program and discards its stdout. Resolves with the run time in seconds and the peak resident memory in bytes.
 * Rejects with the end of its stderr when it fails.
 */
export async function measure(program, args, env = process.env) {
  const devNull = openSync('/dev/null', 'w');
  const start = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', devNull, 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, POLL_INTERVAL_MS);
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(timer);
  closeSync(devNull);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
  return { seconds: (performance.now() - start) / 1000, peak };
}

/** In bytes; 0 when the process has ended. */
function peakOf(pid) {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
