// What the figures were measured on, and whether it is able to.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { run } from './program.js';

/** For the head of every report. */
export function machine() {
  const words = (file, args) => run(file, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  return {
    cpu: `${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: `${process.version} (OpenSSL ${process.versions.openssl})`,
    haproxy: /\d+\.\d+\.\d+/.exec(words('haproxy', ['-v']))?.[0] ?? 'unknown',
    openssl: /\d+\.\d+\.\d+/.exec(words('dpkg-query', ['-W', '-f', `\${Version}`, 'libssl-dev']))?.[0] ?? 'unknown',
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(' '),
  };
}

export function machineWords({ cpu, memory, kernel, node, haproxy, openssl, load }) {
  return `${cpu}, ${memory}, Linux ${kernel}; Node ${node}, haproxy ${haproxy}, generator with OpenSSL ${openssl}; load ${load}`;
}

/** Descriptors that a process may have at most. */
export function descriptorLimit() {
  const [, hard] = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard ?? 0);
}
