/**
 * A reader for the subset of DER (X.690) that security tokens use: one element at a time, definite lengths only. Values
 * are not interpreted.
 */

/** One DER element. */
export interface Element {
  /** The identifier octet: class, constructed bit and tag number. Tag numbers above 30 are not supported. */
  readonly tag: number;
  /** The contents as a view. It is shorter than the encoded length if the input is truncated. */
  readonly value: Buffer;
  /** The bytes after the element, as a view. */
  readonly rest: Buffer;
}

/** Largest number of elements of one sequence that are read. */
export const MAX_ELEMENTS = 64;

/** Reads the element at the start of `bytes`. Returns undefined if there is none. Never throws. */
export function readElement(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || more > 4 || bytes.length < 2 + more) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  const start = 2 + more;
  return { tag, value: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}

/** Reads the contents of a sequence: its elements in order, up to the first invalid one and at most MAX_ELEMENTS. */
export function readElements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let next = readElement(bytes); next && found.length < MAX_ELEMENTS; next = readElement(next.rest))
    found.push(next);
  return found;
}

/**
 * Returns the contents of a nested element: the first element with the first tag, inside it the first with the second
 * tag, and so on. Returns undefined if one is missing.
 */
export function descend(bytes: Buffer, ...tags: readonly number[]): Buffer | undefined {
  let inside: Buffer | undefined = bytes;
  for (const tag of tags) inside = inside && readElements(inside).find((element) => element.tag === tag)?.value;
  return inside;
}

/** Formats the contents of an object identifier as `1.3.6.1.5.5.2`. Only the first 64 bytes are read. */
export function oidText(bytes: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of bytes.subarray(0, 64)) {
    arc = (arc * 128 + (byte & 0x7f)) % Number.MAX_SAFE_INTEGER;
    if (byte >= 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}
