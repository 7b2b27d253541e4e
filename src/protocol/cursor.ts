import { PduError } from './errors.js';

/**
 * A named range of bytes of a PDU, a node of the tree that `dissect` returns. The leaves tile the input without gap or
 * overlap.
 */
export interface Span {
  /** Name of the field or structure in the specification. */
  readonly name: string;
  /** Byte offset from the start of the PDU's header. */
  readonly offset: number;
  /** Length in bytes; 0 for an empty blob. */
  readonly length: number;
  /** The decoded value; absent for a group. Integers up to 32 bits are numbers, 64-bit integers are bigints. */
  readonly value?: number | bigint | string | Buffer;
  /** Description of the value: the names of its flags, or the meaning of a result code. */
  readonly text?: string;
  /** The fields of a group, in order. */
  readonly children?: readonly Span[];
  /** The reason why these bytes could not be read as a field. */
  readonly error?: PduError;
}

/** Reads one PDU from start to end and, with `trace`, records every field as a span. Its methods throw a `PduError`. */
export class Cursor {
  offset = 0;
  /** Spans of the group being read; undefined without `trace`. */
  spans: Span[] | undefined;
  readonly #bytes: Buffer;
  #end: number;

  constructor(bytes: Buffer, options: { readonly trace: boolean }) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.spans = options.trace ? [] : undefined;
  }

  get left(): number {
    return this.#end - this.offset;
  }

  /** Ends the PDU at offset `end`. An end before the current offset is treated as the current offset. */
  stopAt(end: number): void {
    this.#end = Math.max(this.offset, Math.min(this.#end, end));
  }

  uint(name: string, length: 1 | 2 | 4, describe?: (value: number) => string): number {
    this.#need(name, length);
    const value = this.#bytes.readUIntLE(this.offset, length);
    const text = this.spans && describe?.(value);
    this.#leaf(name, length, value, text || undefined);
    return value;
  }

  uint64(name: string): bigint {
    this.#need(name, 8);
    const value = this.#bytes.readBigUInt64LE(this.offset);
    this.#leaf(name, 8, value);
    return value;
  }

  /** Reads `length` bytes; returns a view, not a copy. */
  bytes(name: string, length: number): Buffer {
    this.#need(name, length);
    const value = this.#bytes.subarray(this.offset, this.offset + length);
    this.#leaf(name, length, value);
    return value;
  }

  /** Reads UTF-16LE text of `length` bytes. Trailing NULs belong to the field but not to the returned text. */
  text(name: string, length: number): string {
    this.#need(name, length);
    if (length % 2 !== 0) throw this.#error('PDU_STRING', name, `${length} bytes are no UTF-16LE text`);
    const value = withoutTrailingNul(this.#bytes.toString('utf16le', this.offset, this.offset + length));
    if (value.includes('\0')) throw this.#error('PDU_STRING', name, 'a NUL stands inside the text');
    if (!value.isWellFormed()) throw this.#error('PDU_STRING', name, 'half a surrogate pair stands in the text');
    this.#leaf(name, length, value);
    return value;
  }

  /**
   * Reads a 16-bit byte count and the data it counts. They are two fields if the PDU names the count (`lengthName`),
   * and one group otherwise.
   */
  counted<T>(name: string, lengthName: string | undefined, read: (count: number) => T): T {
    if (lengthName !== undefined) return read(this.uint(lengthName, 2));
    return this.#group(name, () => read(this.uint('cbLen', 2)));
  }

  #group<T>(name: string, read: () => T): T {
    const outer = this.spans;
    if (!outer) return read();
    const offset = this.offset;
    const children: Span[] = [];
    this.spans = children;
    try {
      return read();
    } finally {
      this.spans = outer;
      if (children.length > 0) outer.push({ name, offset, length: this.offset - offset, children });
    }
  }

  #leaf(name: string, length: number, value: NonNullable<Span['value']>, text?: string): void {
    this.spans?.push({ name, offset: this.offset, length, value, ...(text === undefined ? {} : { text }) });
    this.offset += length;
  }

  #need(name: string, length: number): void {
    if (length > this.left) throw this.#error('PDU_SHORT', name, `needs ${length} bytes, ${this.left} are left`);
  }

  #error(code: string, name: string, message: string): PduError {
    return new PduError(code, name, this.offset, message);
  }
}

/** Removes trailing NULs in linear time, even for hostile text such as 32 Ki NULs followed by a letter. */
export function withoutTrailingNul(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return text.slice(0, end);
}
