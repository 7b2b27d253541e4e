/** What one row of each table holds. */
import type { ResultName } from '../protocol/index.js';
import type { Cause } from './types.js';

export interface ResultRow {
  /** The packets that carry it. */
  readonly seenIn: string;
  readonly causes: readonly Cause[];
}

export interface FreerdpRow {
  /** The name in its log; for a code that only xfreerdp has, the name of the exit code. */
  readonly name: string;
  /** `class << 16 | type`: class 2 is the connection, class 1 what the target said. */
  readonly code?: number;
  readonly exit?: number;
  readonly meaning: string;
  readonly causes: readonly Cause[];
}

export interface DialogRow {
  readonly code: number;
  /** Name in the documentation of the control, where there is one. */
  readonly name?: string;
  readonly meaning: string;
  /** The result code of the gateway that the wording of the dialog fits; its causes come after the row's own. */
  readonly like?: ResultName;
  readonly causes?: readonly Cause[];
}
