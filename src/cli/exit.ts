import type { FaultKind } from '../fault.js';

/** The one table of exit codes, for every command. `--json` never changes one. */
export const EXIT = {
  done: 0,
  /** A bug in rdgw. */
  bug: 1,
  /** The command line, unknown commands and flags included. */
  usage: 2,
  /** Input that was not understood, or a check that found something. */
  input: 3,
  /** Configuration, certificates and keys. */
  configuration: 4,
  /** Cannot bind or reach an address. */
  unreachable: 5,
  /** Interrupted: 128 and the number of the signal. */
  sigint: 130,
  sigterm: 143,
} as const satisfies Record<FaultKind, number> & Record<string, number>;
