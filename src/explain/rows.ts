/** The rows of the tables. */
import type { ResultName } from '../protocol/index.js';
import type { Cause } from './types.js';

export interface ResultRow {
  /** The packets with the code. */
  readonly seenIn: string;
  readonly causes: readonly Cause[];
}

export interface FreerdpRow {
  /** The name in the log of FreeRDP, or the name of an exit code that is not in the log. */
  readonly name: string;
  /** `class << 16 | type`. Class 1 is ERRINFO (the target ended the session), class 2 is ERRCONNECT. */
  readonly code?: number;
  readonly exit?: number;
  readonly meaning: string;
  readonly causes: readonly Cause[];
}

export interface DialogRow {
  readonly code: number;
  /** The name in the documentation of the ActiveX control, if there is one. */
  readonly name?: string;
  readonly meaning: string;
  /** The result code of the gateway that matches the message of the dialog. Its causes follow those of the row. */
  readonly like?: ResultName;
  readonly causes?: readonly Cause[];
}
