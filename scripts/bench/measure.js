// Runs a program and says how long it took and how much memory it had at its peak.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** How often the peak is looked at; the kernel keeps it, so only growth in the last moment of a program is missed. */
const LOOK_EVERY_MS = 20;

/** Output is thrown away; a program that fails is an error with what it said. */
export async function measure(program, args, env = process.env) {
  const nowhere = openSync('/dev/null', 'w');
  const start = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', nowhere, 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, LOOK_EVERY_MS);
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(timer);
  closeSync(nowhere);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${said.slice(-2000)}`);
  return { seconds: (performance.now() - start) / 1000, peak };
}

/** Bytes; 0 once the process is gone. */
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
