import type { FaultKind } from '../fault.js';

/** The exit codes of all commands. They are the same with `--json`. */
export const EXIT = {
  done: 0,
  /** A bug in rdgw. */
  bug: 1,
  /** An invalid command line, unknown commands and flags included. */
  usage: 2,
  /** Input that could not be decoded, or a check that found a problem. */
  input: 3,
  /** Configuration, certificate or key errors. */
  configuration: 4,
  /** An address cannot be bound or reached, or a worker ended during startup. */
  unreachable: 5,
  /** Interrupted: 128 plus the signal number. */
  sigint: 130,
  sigterm: 143,
} as const satisfies Record<FaultKind, number> & Record<string, number>;
