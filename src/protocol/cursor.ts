/** Reads one PDU from left to right and, when asked, remembers every field it read as a span. */
import { PduError } from './errors.js';

/** A named run of bytes of a PDU. The leaves of a tree tile the input: no gap, no overlap. */
export interface Span {
  readonly name: string;
  /** From the first byte of the PDU's header. */
  readonly offset: number;
  /** In bytes; 0 is possible (an empty blob). */
  readonly length: number;
  /** The value read; absent for a group. */
  readonly value?: number | bigint | string | Buffer;
  /** The value in words: names of flags, of a result code. */
  readonly text?: string;
  readonly children?: readonly Span[];
  /** Why these bytes could not be read as a field. */
  readonly error?: PduError;
}

export class Cursor {
  offset = 0;
  /** The spans of the group being read; undefined when nobody asked for them. */
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

  /** Nothing from `end` on belongs to this PDU; an end before what was already read changes nothing. */
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

  /** A view, not a copy. */
  bytes(name: string, length: number): Buffer {
    this.#need(name, length);
    const value = this.#bytes.subarray(this.offset, this.offset + length);
    this.#leaf(name, length, value);
    return value;
  }

  /** UTF-16LE text; trailing NULs are part of the field and not of the text. */
  text(name: string, length: number): string {
    this.#need(name, length);
    if (length % 2 !== 0) throw this.#wrong('PDU_STRING', name, `${length} bytes are no UTF-16LE text`);
    const value = withoutTrailingNul(this.#bytes.toString('utf16le', this.offset, this.offset + length));
    if (value.includes('\0')) throw this.#wrong('PDU_STRING', name, 'a NUL stands inside the text');
    if (!value.isWellFormed()) throw this.#wrong('PDU_STRING', name, 'half a surrogate pair stands in the text');
    this.#leaf(name, length, value);
    return value;
  }

  /** A 16-bit byte count and what it counts: two plain fields, or a group when the count has no name of its own. */
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
    if (length > this.left) throw this.#wrong('PDU_SHORT', name, `needs ${length} bytes, ${this.left} are left`);
  }

  #wrong(code: string, name: string, message: string): PduError {
    return new PduError(code, name, this.offset, message);
  }
}

/** The text before its terminators, in one pass: hostile text may be 32 Ki of NULs with a letter behind them. */
export function withoutTrailingNul(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return text.slice(0, end);
}
