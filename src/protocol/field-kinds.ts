/**
 * Field kinds, from which `packets.ts` declares the layout of each PDU once. A PDU is an ordered set of rows, and each
 * row is a field kind; `encode`, `decode` and `dissect` are derived from the rows. The bounds of a field (`shape`) are
 * data, so that tests can generate arbitrary values from the same rows. All integers are little-endian, packed and
 * unaligned.
 */
import type { Cursor, Span } from './cursor.js';
import { PduError } from './errors.js';

/**
 * The values that a field may hold: the bounds that `encode` and `decode` enforce. `bytes`, `length` and the `max` of
 * blobs and strings count bytes (a string includes its terminating NUL); `min` and `max` of a list count entries. A
 * `derived` field is not given by the caller of `encode`.
 */
export type Shape =
  | { readonly kind: 'uint'; readonly bytes: 1 | 2 | 4 }
  | { readonly kind: 'uint64' }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'blob'; readonly max: number }
  | { readonly kind: 'string'; readonly max: number }
  | { readonly kind: 'list'; readonly of: Shape; readonly min: number; readonly max: number }
  | { readonly kind: 'derived' };

/**
 * The role of a row: `given` is always present, `optional` is present if its bit of `fieldsPresent` is set, `derived`
 * is computed by `encode`, `reserved` is written as zero and omitted by `decode`.
 */
export type Role = 'given' | 'optional' | 'derived' | 'reserved';

type Values = Readonly<Record<string, unknown>>;

/** One field kind: how a value of type `T` is read and written. */
export interface Field<T, R extends Role> {
  readonly role: R;
  readonly shape: Shape;
  /** The bit of `fieldsPresent` that indicates an optional field. */
  readonly bit?: number;
  /** Reads the field at the cursor; `seen` holds the values of the rows before it. Throws a `PduError`. */
  read(cursor: Cursor, name: string, seen: Values): T;
  /** Appends the bytes of `value`; `all` holds the values of all rows of the PDU. Throws a `PduError`. */
  write(parts: Buffer[], name: string, value: T, all: Values): void;
}

/** The fields of a PDU by name, in the order of their bytes. */
// biome-ignore lint/suspicious/noExplicitAny: a set of rows mixes fields of all value types
export type Rows = Readonly<Record<string, Field<any, Role>>>;

type ValueOf<F> = F extends Field<infer T, Role> ? T : never;
type NamesOf<R extends Rows, K extends Role> = { [N in keyof R]: R[N]['role'] extends K ? N : never }[keyof R];
type Flat<T> = { [K in keyof T]: T[K] };

/** The fields that `decode` returns: all rows except reserved ones. An absent optional field has no property. */
export type Decoded<R extends Rows> = Flat<
  { readonly [N in NamesOf<R, 'given' | 'derived'>]: ValueOf<R[N]> } & {
    readonly [N in NamesOf<R, 'optional'>]?: ValueOf<R[N]>;
  }
>;

/** The fields that `encode` takes: all rows except derived and reserved ones. */
export type Encodable<R extends Rows> = Flat<
  { readonly [N in NamesOf<R, 'given'>]: ValueOf<R[N]> } & {
    readonly [N in NamesOf<R, 'optional'>]?: ValueOf<R[N]> | undefined;
  }
>;

/** Flag bits or codes by the names that the specification gives them. */
export type Names = Readonly<Record<string, number>>;

/**
 * Returns the names of the flags in `value`. Bits without a name are combined into one hexadecimal number at the end.
 */
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
  /** Describes a value for `dissect`. */
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

/** A coded value; `describe` explains it for `dissect`. */
export const code = (bytes: 2 | 4, describe: (value: number) => string): Field<number, 'given'> =>
  uint(bytes, 'given', { describe });

/** A set of flags; `dissect` shows their names. */
export function flags(bytes: 2 | 4, names: Names): Field<number, 'given'> {
  return uint(bytes, 'given', { describe: (value) => flagNames(value, names).join(' | ') });
}

/** Two reserved bytes: written as zero, ignored when read, shown by `dissect`. */
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

/** A byte string of fixed length. */
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

/** Largest length of a blob or string in bytes, which its 16-bit byte count can express: 65535. */
export const MAX_COUNTED_BYTES = 0xffff;

interface Counted {
  /**
   * Name of the length field if the PDU itself declares it (`cbDataLen`). Otherwise the field has one of the shared
   * types HTTP_BYTE_BLOB (2.2.10.1) or HTTP_UNICODE_STRING (2.2.10.22), whose length field is `cbLen`.
   */
  readonly length?: string;
  readonly max?: number;
}

/** HTTP_BYTE_BLOB (2.2.10.1): a 16-bit byte count and that many bytes. */
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
 * HTTP_UNICODE_STRING (2.2.10.22): a 16-bit byte count and UTF-16LE text. It is written with a terminating NUL, as
 * Windows and FreeRDP do (FreeRDP refuses a string of zero bytes at the end of a PDU), and read with or without one.
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

/** `fieldsPresent`: the flags of the optional rows that follow. `encode` derives it from the fields it is given. */
export function presence(names: Names): Field<number, 'derived'> {
  return {
    ...uint(2, 'derived', { describe: (value) => flagNames(value, names).join(' | ') }),
    shape: { kind: 'derived' },
    write: (parts, name, value) => parts.push(uintBytes(2, name, value)),
  };
}

/**
 * A row that is present only if `bit` of `fieldsPresent` is set. Rows follow the declared order, not the order of the
 * bits.
 */
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

/** A list whose number of entries is the value of the row `counted`, from `min` to `max`. */
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

/** Reads the rows in order from the cursor. Throws a `PduError`. */
export function readRows<R extends Rows>(rows: R, cursor: Cursor): Decoded<R> {
  const seen: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(rows)) {
    if (field.bit !== undefined && ((seen.fieldsPresent as number) & field.bit) === 0) continue;
    const value = field.read(cursor, name, seen);
    if (field.role !== 'reserved') seen[name] = value;
  }
  return seen as Decoded<R>;
}

/** Encodes the rows in order. Throws a `PduError` for a value that does not fit its row. */
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

/** INVARIANT: rows that share a bit (nonce and serverCert) are either all present or all absent. */
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
