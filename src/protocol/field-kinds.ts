/**
 * The language in which `packets.ts` states a layout once. A PDU is an ordered set of rows, a row is a field kind, and
 * from the rows come `encode`, `decode` and `dissect`; what a kind knows about itself (`shape`) is data, so that tests can
 * draw arbitrary values from the same rows. All integers are little-endian, packed and unaligned.
 */
import type { Cursor, Span } from './cursor.js';
import { PduError } from './errors.js';

/** What a field may hold, as data: the bounds that `encode` and `decode` enforce. */
export type Shape =
  | { readonly kind: 'uint'; readonly bytes: 1 | 2 | 4 }
  | { readonly kind: 'uint64' }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'blob'; readonly max: number }
  | { readonly kind: 'string'; readonly max: number }
  | { readonly kind: 'list'; readonly of: Shape; readonly min: number; readonly max: number }
  | { readonly kind: 'derived' };

/**
 * How a row takes part: `given` must be there, `optional` hangs on a bit of `fieldsPresent`, `derived` is computed when
 * encoding, `reserved` is written as zero and never reported by `decode`.
 */
export type Role = 'given' | 'optional' | 'derived' | 'reserved';

type Values = Readonly<Record<string, unknown>>;

export interface Field<T, R extends Role> {
  readonly role: R;
  readonly shape: Shape;
  /** The bit of `fieldsPresent` that announces an optional field. */
  readonly bit?: number;
  /** Reads at the cursor; `seen` holds the rows before this one. */
  read(cursor: Cursor, name: string, seen: Values): T;
  /** Appends the bytes of `value`; `all` holds every row of the PDU. */
  write(parts: Buffer[], name: string, value: T, all: Values): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a row set mixes fields of every value type; each keeps its own in its place
export type Rows = Readonly<Record<string, Field<any, Role>>>;

type ValueOf<F> = F extends Field<infer T, Role> ? T : never;
type NamesOf<R extends Rows, K extends Role> = { [N in keyof R]: R[N]['role'] extends K ? N : never }[keyof R];
type Flat<T> = { [K in keyof T]: T[K] };

/** What `decode` returns: every row except the reserved ones. */
export type Decoded<R extends Rows> = Flat<
  { readonly [N in NamesOf<R, 'given' | 'derived'>]: ValueOf<R[N]> } & {
    readonly [N in NamesOf<R, 'optional'>]?: ValueOf<R[N]>;
  }
>;

/** What `encode` takes: derived and reserved rows are its own business. */
export type Encodable<R extends Rows> = Flat<
  { readonly [N in NamesOf<R, 'given'>]: ValueOf<R[N]> } & {
    readonly [N in NamesOf<R, 'optional'>]?: ValueOf<R[N]> | undefined;
  }
>;

/** Names for values: flag bits or codes, as the specification spells them. */
export type Names = Readonly<Record<string, number>>;

/** Lists the flags of `value` by name; bits without a name are shown in hexadecimal. */
export function flagNames(value: number, names: Names): string[] {
  const known = Object.entries(names).filter(([, bit]) => bit !== 0 && (value & bit) >>> 0 === bit);
  const rest = known.reduce((left, [, bit]) => (left & ~bit) >>> 0, value >>> 0);
  const found = known.map(([name]) => name);
  return rest === 0 ? found : [...found, hex(rest)];
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

interface UintOptions {
  /** Turns a value into words for `dissect`. */
  readonly describe?: (value: number) => string;
}

function uint<R extends Role>(bytes: 1 | 2 | 4, role: R, options: UintOptions = {}): Field<number, R> {
  return {
    role,
    shape: { kind: 'uint', bytes },
    read: (cursor, name) => cursor.uint(name, bytes, options.describe),
    write: (parts, name, value) => parts.push(uintBytes(bytes, name, value)),
  };
}

function uintBytes(bytes: 1 | 2 | 4, name: string, value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * bytes)) {
    throw new PduError('PDU_VALUE', name, 0, `${value} does not fit into ${bytes} unsigned bytes`);
  }
  const out = Buffer.allocUnsafe(bytes);
  out.writeUIntLE(value, 0, bytes);
  return out;
}

export const u8 = uint(1, 'given');
export const u16 = uint(2, 'given');
export const u32 = uint(4, 'given');

/** A number that stands for something; `describe` names it in `dissect`. */
export const code = (bytes: 2 | 4, describe: (value: number) => string): Field<number, 'given'> =>
  uint(bytes, 'given', { describe });

/** A set of flags, named in `dissect`. */
export function flags(bytes: 2 | 4, names: Names): Field<number, 'given'> {
  return uint(bytes, 'given', { describe: (value) => flagNames(value, names).join(' | ') });
}

/** Two reserved bytes: written as zero, ignored when read, visible in `dissect`. */
export const reserved16: Field<number, 'reserved'> = {
  ...uint(2, 'reserved'),
  shape: { kind: 'derived' },
  write: (parts) => parts.push(Buffer.alloc(2)),
};

export const u64: Field<bigint, 'given'> = {
  role: 'given',
  shape: { kind: 'uint64' },
  read: (cursor, name) => cursor.uint64(name),
  write: (parts, name, value) => {
    if (value < 0n || value >= 2n ** 64n)
      throw new PduError('PDU_VALUE', name, 0, `${value} does not fit into 64 bits`);
    const out = Buffer.allocUnsafe(8);
    out.writeBigUInt64LE(value);
    parts.push(out);
  },
};

/** A fixed run of bytes. */
export function bytes(length: number): Field<Buffer, 'given'> {
  return {
    role: 'given',
    shape: { kind: 'bytes', length },
    read: (cursor, name) => cursor.bytes(name, length),
    write: (parts, name, value) => {
      if (value.length !== length)
        throw new PduError('PDU_VALUE', name, 0, `${value.length} bytes instead of ${length}`);
      parts.push(value);
    },
  };
}

/** Largest value of the 16-bit length in front of blobs and strings. */
export const MAX_COUNTED_BYTES = 0xffff;

interface Counted {
  /**
   * The name of the length field where the PDU itself declares it (`cbDataLen`); without it the field is one of the shared
   * types HTTP_BYTE_BLOB (2.2.10.1) or HTTP_UNICODE_STRING (2.2.10.22), whose length field is `cbLen`.
   */
  readonly length?: string;
  readonly max?: number;
}

/** HTTP_BYTE_BLOB: a 16-bit byte count and that many bytes. */
export function blob({ length, max = MAX_COUNTED_BYTES }: Counted = {}): Field<Buffer, 'given'> {
  return {
    role: 'given',
    shape: { kind: 'blob', max },
    read: (cursor, name) =>
      cursor.counted(name, length, (count) => {
        checkCount(name, cursor.offset, count, max);
        return cursor.bytes(length ? name : 'blob', count);
      }),
    write: (parts, name, value) => {
      checkCount(name, 0, value.length, max);
      parts.push(uintBytes(2, name, value.length), value);
    },
  };
}

/**
 * HTTP_UNICODE_STRING: a 16-bit byte count and UTF-16LE text. Written with its terminating NUL, as Windows and FreeRDP do
 * (FreeRDP refuses a string of zero bytes at the end of a PDU); read with or without.
 */
export function ustring({ length, max = MAX_COUNTED_BYTES }: Counted = {}): Field<string, 'given'> {
  return {
    role: 'given',
    shape: { kind: 'string', max },
    read: (cursor, name) =>
      cursor.counted(name, length, (count) => {
        checkCount(name, cursor.offset, count, max);
        return cursor.text(length ? name : 'str', count);
      }),
    write: (parts, name, value) => {
      if (value.includes('\0') || !value.isWellFormed()) {
        throw new PduError('PDU_STRING', name, 0, 'text holds a NUL or half a surrogate pair');
      }
      const encoded = Buffer.from(`${value}\0`, 'utf16le');
      checkCount(name, 0, encoded.length, max);
      parts.push(uintBytes(2, name, encoded.length), encoded);
    },
  };
}

function checkCount(name: string, offset: number, count: number, max: number): void {
  if (count > max) throw new PduError('PDU_VALUE', name, offset, `${count} bytes, at most ${max} are allowed`);
}

/** `fieldsPresent`: which optional rows follow. Derived from their presence when encoding. */
export function presence(names: Names): Field<number, 'derived'> {
  return {
    ...uint(2, 'derived', { describe: (value) => flagNames(value, names).join(' | ') }),
    shape: { kind: 'derived' },
    write: (parts, name, value) => parts.push(uintBytes(2, name, value)),
  };
}

/** A row that is there only when `bit` of `fieldsPresent` is set. Optional rows keep their declared order, not the bits'. */
export function optional<T>(bit: number, field: Field<T, 'given'>): Field<T, 'optional'> {
  return { ...field, role: 'optional', bit };
}

/** The number of entries of the list named `of`. */
export function count(bytes: 1 | 2, of: string): Field<number, 'derived'> {
  return {
    ...uint(bytes, 'derived'),
    shape: { kind: 'derived' },
    write: (parts, name, _value, all) => parts.push(uintBytes(bytes, name, (all[of] as readonly unknown[]).length)),
  };
}

/** As many entries as the row `counted` says, within `min` and `max`. */
export function list<T>(
  counted: string,
  item: Field<T, 'given'>,
  { min, max }: { readonly min: number; readonly max: number },
): Field<readonly T[], 'given'> {
  const check = (name: string, offset: number, amount: number): void => {
    if (amount >= min && amount <= max) return;
    throw new PduError('PDU_COUNT', name, offset, `${amount} entries, ${min} to ${max} are allowed`);
  };
  return {
    role: 'given',
    shape: { kind: 'list', of: item.shape, min, max },
    read: (cursor, name, seen) => {
      const amount = seen[counted] as number;
      check(name, cursor.offset, amount);
      return Array.from({ length: amount }, (_, index) => item.read(cursor, `${name}[${index}]`, seen));
    },
    write: (parts, name, value, all) => {
      check(name, 0, value.length);
      for (const entry of value) item.write(parts, name, entry, all);
    },
  };
}

/** Reads the rows in order from the cursor. */
export function readRows<R extends Rows>(rows: R, cursor: Cursor): Decoded<R> {
  const seen: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(rows)) {
    if (field.bit !== undefined && ((seen.fieldsPresent as number) & field.bit) === 0) continue;
    const value = field.read(cursor, name, seen);
    if (field.role !== 'reserved') seen[name] = value;
  }
  return seen as Decoded<R>;
}

/** The bytes of the rows, in order. */
export function writeRows<R extends Rows>(rows: R, values: Encodable<R>): Buffer {
  const all = values as Values;
  const parts: Buffer[] = [];
  for (const [name, field] of Object.entries(rows)) {
    if (field.role === 'optional' && all[name] === undefined) continue;
    const value = name === 'fieldsPresent' ? presentBits(rows, all) : all[name];
    field.write(parts, name, value, all);
  }
  return Buffer.concat(parts);
}

/** INVARIANT: rows that share a bit (nonce and serverCert) come together or not at all. */
function presentBits(rows: Rows, all: Values): number {
  const optionals = Object.entries(rows).filter(([, field]) => field.bit !== undefined);
  const bits = optionals.reduce((set, [name, field]) => (all[name] === undefined ? set : set | (field.bit ?? 0)), 0);
  for (const [name, field] of optionals) {
    if (all[name] === undefined && (bits & (field.bit ?? 0)) !== 0) {
      throw new PduError('PDU_VALUE', name, 0, 'is missing although another field under the same flag is given');
    }
  }
  return bits;
}

export type { Span };
