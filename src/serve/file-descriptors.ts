/** Limits connections to the file descriptors that this process may open. */
import { readFileSync } from 'node:fs';

/** Descriptors for logs, certificates, DNS look-ups, the listener and what Node opens itself. */
const RESERVED = 64;
/**
 * Descriptors for each client: its connection and one to its target. With several workers a third one: a local socket
 * that forwards the IN channel when it was accepted by another worker than the OUT channel.
 */
const PER_CLIENT = { singleProcess: 2, workers: 3 };
/**
 * A lower limit than the configured one is worth a warning only below this many connections: larger gateways are rare.
 */
const WARN_BELOW = 4096;

export interface Fitted {
  /** The configured limit, or less where the descriptors do not suffice. */
  readonly connections: number;
  readonly warning: string | undefined;
}

/**
 * Lowers the configured limit of connections to what the file descriptors suffice for. A process without free
 * descriptors cannot reject a connection with a reason: the system closes it. With the lowered limit the gateway can
 * still reject it.
 */
export function fitDescriptors(configured: number, isSingleProcess: boolean, files: number = openFilesMax()): Fitted {
  const perClient = isSingleProcess ? PER_CLIENT.singleProcess : PER_CLIENT.workers;
  const possible = Math.max(1, Math.floor((files - RESERVED) / perClient));
  if (configured <= possible) return { connections: configured, warning: undefined };
  if (possible >= WARN_BELOW) return { connections: possible, warning: undefined };
  const warning = `limits.connections is ${configured}, but this process may open ${files} files: at most ${possible} connections are accepted (raise LimitNOFILE, or ulimit -n)`;
  return { connections: possible, warning };
}

/** The soft limit of this process, which Node raises to the hard one. Infinity where the system does not report it. */
export function openFilesMax(limits: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits()) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
