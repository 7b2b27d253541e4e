/** The parameters and the result of `rdgw decode`. */
import type { DecodeEvent, Direction } from '../capture/dissection.js';
import type { TextEncoding } from '../capture/hextext/index.js';
import type { CaptureProblem } from '../capture/types.js';
import type { Filter } from './filter.js';
import type { KeylogNames } from './keylogs.js';
import type { Summary } from './summary.js';

export interface DecodeRequest extends KeylogNames {
  /** A file, or `-` for stdin; undefined with `hex`. */
  readonly file: string | undefined;
  readonly hex: string | undefined;
  readonly encoding: TextEncoding;
  /** The direction of PDUs without a capture; undefined derives it from the type. */
  readonly direction: Direction | undefined;
  readonly show: 'tree' | 'ndjson' | 'stats' | 'nothing';
  readonly filter: Filter | undefined;
  /** Number of shown PDUs after which reading ends. */
  readonly limit: number | undefined;
  /** Decodes the RDP connection inside DATA. */
  readonly inner: boolean;
  readonly bytes: boolean;
  readonly verbose: boolean;
  readonly payload: boolean;
  readonly secrets: boolean;
  /** Called for every event, regardless of the filter. */
  readonly onEvent?: ((event: DecodeEvent) => void) | undefined;
}

export interface DecodeResult {
  /** Whether any conversation or PDU could be decoded. */
  readonly understood: boolean;
  /** The output of `--json`; null for all other formats. */
  readonly summary: Summary | null;
  /** The error in the capture file, if any. */
  readonly problem: CaptureProblem | null;
  /** Warnings to print at the end, one message each. */
  readonly warnings: readonly string[];
}
