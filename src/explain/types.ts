/** What a code means to a person, and what to do about it. */

export type Family =
  /** Result codes of the gateway protocol itself. */
  | 'MS-TSGU'
  /** Windows codes that the gateway protocol carries. */
  | 'Win32'
  /** What FreeRDP logs, and what xfreerdp exits with. */
  | 'FreeRDP'
  /** What mstsc and Microsoft's other clients show in a dialog. */
  | 'mstsc';

export interface Cause {
  /** A sentence that says what happened. */
  readonly cause: string;
  /** Sentences that say what to do about it. */
  readonly fix: string;
}

export interface Explanation {
  /** As tickets and dialogs print it: `0x800759DA`, or `exit 131`. */
  readonly code: string;
  /** Every name it is known by, the usual one first; empty for a dialog code without one. */
  readonly names: readonly string[];
  readonly family: Family;
  /** One clause without a full stop. */
  readonly meaning: string;
  /** Other ways to write the same code. */
  readonly forms: readonly string[];
  /** Section of MS-TSGU. */
  readonly section?: string;
  /** Packets, logs and dialogs in which it turns up; no full stop. */
  readonly seenIn?: string;
  /** Likeliest first. */
  readonly causes: readonly Cause[];
  /** Other codes that may mean the same event, as `rdgw explain` takes them. */
  readonly related: readonly string[];
  /** Where it is documented, when it is not in MS-TSGU. */
  readonly source?: string;
}

/** A cause with its fix, one row of a table. */
export function why(cause: string, fix: string): Cause {
  return { cause, fix };
}
