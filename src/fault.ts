/**
 * An error for the user. All code between the protocol and the command line throws it; only the command line turns a kind into an
 * exit code and a fault into text.
 */
export type FaultKind =
  /** The command line itself is wrong. */
  | 'usage'
  /** The input was not understood, or a check found a problem. */
  | 'input'
  /** Configuration, certificates or keys. */
  | 'configuration'
  /** An address cannot be bound or reached, or a worker process does not start. A retry may succeed. */
  | 'unreachable';

export interface FaultDetail {
  readonly kind: FaultKind;
  /** A stable identifier such as `CONFIG_UNKNOWN_KEY`. */
  readonly code: string;
  /** One lower-case sentence without a full stop. Never contains a secret. */
  readonly message: string;
  /** The location of the problem: a file (`rdgw.yaml:12:3`), a setting or a flag. */
  readonly place?: string;
  /** What to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class Fault extends Error {
  readonly kind: FaultKind;
  readonly code: string;
  readonly place: string | undefined;
  readonly hint: string | undefined;

  constructor(detail: FaultDetail) {
    super(detail.message, { cause: detail.cause });
    this.name = 'Fault';
    this.kind = detail.kind;
    this.code = detail.code;
    this.place = detail.place;
    this.hint = detail.hint;
  }
}
