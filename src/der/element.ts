/** DER (X.690) as far as security tokens need it: one element at a time, definite lengths, no value is interpreted. */

export interface Element {
  /** The identifier octet: class, constructed bit and number. Numbers above 30 are not read. */
  readonly tag: number;
  /** A view of the contents; shorter than announced when the token was cut. */
  readonly value: Buffer;
  /** What follows the element; a view. */
  readonly rest: Buffer;
}

/** Elements of one sequence that are looked at. */
export const MAX_ELEMENTS = 64;

/** The element at the start of `bytes`; undefined when there is none. Never throws. */
export function readElement(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || more > 4 || bytes.length < 2 + more) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  const start = 2 + more;
  return { tag, value: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}

/** The elements of a sequence's contents, in order, up to the first that cannot be read. */
export function readElements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let next = readElement(bytes); next && found.length < MAX_ELEMENTS; next = readElement(next.rest))
    found.push(next);
  return found;
}

/** Goes down by tags: the first element with the first tag, inside it the first with the second, and so on. */
export function descend(bytes: Buffer, ...tags: readonly number[]): Buffer | undefined {
  let inside: Buffer | undefined = bytes;
  for (const tag of tags) inside = inside && readElements(inside).find((element) => element.tag === tag)?.value;
  return inside;
}

/** An object identifier's contents as `1.3.6.1.5.5.2`. */
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
