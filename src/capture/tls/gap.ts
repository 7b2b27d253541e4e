/** Estimates of the TLS records that are missing in a capture. */

/** Missing records: bytes on the wire including headers (undefined: unknown), and the possible number of records. */
export interface Gap {
  readonly wire: number | undefined;
  readonly least: number;
  readonly most: number;
}

/** Bytes of the shortest protected record: header (5), tag (16) and one byte. */
const MIN_RECORD_BYTES = 5 + 17;
/** Bytes of the longest TLS 1.3 record. TLS 1.2 allows more, but implementations do not send longer records. */
const MAX_RECORD_BYTES = 5 + 16_384 + 256;

export const NO_GAP: Gap = { wire: 0, least: 0, most: 0 };

/** One missing record of `wire` bytes. */
export function oneRecord(wire: number | undefined): Gap {
  return { wire, least: 1, most: 1 };
}

/** `wire` missing bytes with unknown record boundaries. `begun`: they continue a record whose start was captured. */
export function recordsIn(wire: number | undefined, begun = false): Gap {
  const least = begun ? 1 : 0;
  if (wire === undefined) return { wire, least, most: Number.POSITIVE_INFINITY };
  return {
    wire,
    least: Math.max(least, Math.floor(wire / MAX_RECORD_BYTES)),
    most: Math.ceil(wire / MIN_RECORD_BYTES),
  };
}

/** Adds two gaps. */
export function plus(a: Gap, b: Gap): Gap {
  return { wire: sum(a.wire, b.wire), least: a.least + b.least, most: a.most + b.most };
}

/** Adds two lengths; undefined when either is. */
export function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
