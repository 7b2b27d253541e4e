// The machine that the figures were measured on, and its descriptor limit.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { run } from './program.js';

/** Hardware and versions for the head of a report. */
export function machine() {
  const outputOf = (file, args) => run(file, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  return {
    cpu: `${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: `${process.version} (OpenSSL ${process.versions.openssl})`,
    haproxy: /\d+\.\d+\.\d+/.exec(outputOf('haproxy', ['-v']))?.[0] ?? 'unknown',
    openssl: /\d+\.\d+\.\d+/.exec(outputOf('dpkg-query', ['-W', '-f', `\${Version}`, 'libssl-dev']))?.[0] ?? 'unknown',
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(' '),
  };
}

export function describeMachine({ cpu, memory, kernel, node, haproxy, openssl, load }) {
  return `${cpu}, ${memory}, Linux ${kernel}; Node ${node}, haproxy ${haproxy}, generator with OpenSSL ${openssl}; load ${load}`;
}

/** The hard limit of open file descriptors of a process. */
export function descriptorLimit() {
  const [, hard] = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard ?? 0);
}
