/** How much is missing where a capture has a hole. */

/** Records that are missing: their bytes on the wire with headers (undefined: nobody knows), and how many they can be. */
export interface Gap {
  readonly wire: number | undefined;
  readonly least: number;
  readonly most: number;
}

/** What the shortest protected record takes: a header, a tag and a byte. */
const SHORTEST = 5 + 17;
/** A TLS 1.3 record at its longest; stacks send no longer ones in TLS 1.2 either. */
const LONGEST = 5 + 16_384 + 256;

export const NO_GAP: Gap = { wire: 0, least: 0, most: 0 };

/** One record of this length. */
export function oneRecord(wire: number | undefined): Gap {
  return { wire, least: 1, most: 1 };
}

/** A stretch of bytes of which nobody knows where its records began; a record of which the start was seen is among them. */
export function stretch(wire: number | undefined, begun = false): Gap {
  const least = begun ? 1 : 0;
  if (wire === undefined) return { wire, least, most: Number.POSITIVE_INFINITY };
  return { wire, least: Math.max(least, Math.floor(wire / LONGEST)), most: Math.ceil(wire / SHORTEST) };
}

export function plus(a: Gap, b: Gap): Gap {
  return { wire: sum(a.wire, b.wire), least: a.least + b.least, most: a.most + b.most };
}

/** Undefined as soon as one is. */
export function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
