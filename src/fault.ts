/**
 * What went wrong, said to a person: used by everything between the protocol and the command line.
 * Only `cli.ts` turns a kind into an exit code and a fault into words.
 */
export type FaultKind =
  /** The command line itself is wrong. */
  | 'usage'
  /** The input was not understood, or a check found something. */
  | 'input'
  /** Configuration, certificates or keys. */
  | 'configuration'
  /** An address cannot be bound or reached, or a process of ours does not come up: another try may succeed. */
  | 'unreachable';

export interface FaultDetail {
  readonly kind: FaultKind;
  /** Stable and greppable, `CONFIG_UNKNOWN_KEY`. */
  readonly code: string;
  /** One lower-case sentence without a full stop. Never holds a secret. */
  readonly message: string;
  /** The file, setting or flag that is meant. */
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
