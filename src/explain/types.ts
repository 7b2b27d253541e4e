/** The explanation of a code: meaning, causes and fixes. */

export type Family =
  /** Result codes of the gateway protocol itself. */
  | 'MS-TSGU'
  /** Windows codes that the gateway protocol carries. */
  | 'Win32'
  /** Error codes in the log of FreeRDP and exit codes of xfreerdp. */
  | 'FreeRDP'
  /** Codes in dialogs of mstsc and Microsoft's other clients. */
  | 'mstsc';

export interface Cause {
  /** One or two sentences about what happened. */
  readonly cause: string;
  /** Sentences about what to do. */
  readonly fix: string;
}

export interface Explanation {
  /** The usual form: `0x800759DA`, or `exit 131`. */
  readonly code: string;
  /** All names of the code, the usual one first. Empty for a dialog code without a name. */
  readonly names: readonly string[];
  readonly family: Family;
  /** One clause without a full stop. */
  readonly meaning: string;
  /** Other ways to write the same code. */
  readonly forms: readonly string[];
  /** Section of MS-TSGU. */
  readonly section?: string;
  /** Packets, logs and dialogs with the code. No full stop. */
  readonly seenIn?: string;
  /** The most likely first. */
  readonly causes: readonly Cause[];
  /** Other codes that may mean the same event, in a form that `explain` accepts. */
  readonly related: readonly string[];
  /** The documentation, if the code is not in MS-TSGU. */
  readonly source?: string;
}

/** Makes a cause with its fix. */
export function why(cause: string, fix: string): Cause {
  return { cause, fix };
}
