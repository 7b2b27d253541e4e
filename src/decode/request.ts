/** What `rdgw decode` is asked for, and what comes of it. */
import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { TextEncoding } from '../capture/hextext/index.js';
import type { CaptureProblem } from '../capture/types.js';
import type { Filter } from './filter.js';
import type { KeylogNames } from './keylogs.js';
import type { Summary } from './summary.js';

export interface DecodeRequest extends KeylogNames {
  /** A file, or `-`; undefined with `hex`. */
  readonly file: string | undefined;
  readonly hex: string | undefined;
  readonly encoding: TextEncoding;
  /** Of bare PDUs whose type does not tell. */
  readonly direction: Direction | undefined;
  readonly show: 'tree' | 'ndjson' | 'stats' | 'nothing';
  readonly filter: Filter | undefined;
  /** PDUs after which reading ends. */
  readonly limit: number | undefined;
  /** Looks into DATA. */
  readonly inner: boolean;
  readonly bytes: boolean;
  readonly verbose: boolean;
  readonly payload: boolean;
  readonly secrets: boolean;
  /** Also told of every event, whatever the filter says. */
  readonly also?: ((event: DecodeEvent) => void) | undefined;
}

export interface DecodeResult {
  /** Whether anything of the protocol was understood. */
  readonly understood: boolean;
  /** What `--json` prints, null for every other way to show things. */
  readonly summary: Summary | null;
  /** What is wrong with the input. */
  readonly problem: CaptureProblem | null;
  /** What a person should hear at the end. */
  readonly warnings: readonly string[];
}
