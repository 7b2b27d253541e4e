/**
 * Hex dumps with offsets. One line alone does not show where its bytes end and its character column begins, because
 * characters may look like digits. So every style is tried on the whole text, the most specific one first, and the
 * first one wins under which all offsets and all character columns are consistent.
 */
import type { Fault } from '../../fault.js';
import { quoteText, textFault } from './place.js';
import { mayBeWords, type Row, readings, rowOf, STYLES, type Style, showsSwapped } from './row.js';

/** Limit for the bytes of all dumps in a text, including the lines that `*` stands for. */
export const MAX_HEX_BYTES = 4 * 1024 * 1024;

/**
 * The bytes of a dump; undefined when the text is not a dump. Throws a `Fault` with the code `HEX_OFFSET`, `HEX_DIGIT`,
 * `HEX_WORDS`, `HEX_TOO_LONG` or `HEX_AMBIGUOUS`.
 */
export function parseDump(lines: readonly string[]): Buffer | undefined {
  const first = lines.findIndex((line) => line.trim() !== '');
  const beginning = first < 0 ? undefined : rowOf(lines[first] as string, first + 1, true);
  if (!beginning || !mayBeginDump(beginning)) return undefined;
  const rows = rowsOf(lines);
  const [likely, ...others] = basesOf(beginning);
  let furthest: Failure | undefined;
  for (const style of STYLES) {
    for (const base of [likely, ...others]) {
      const outcome = read(rows, style, base);
      if (Buffer.isBuffer(outcome)) return rejectAmbiguous(outcome, beginning, rows, style, base);
      const further = furthest === undefined ? 1 : outcome.row - furthest.row;
      if (further > 0 || (further === 0 && base === likely)) furthest = outcome;
    }
  }
  if (furthest && hasClearOffset(beginning)) throw furthest.fault;
  return undefined;
}

const REPEATED = '*';

/** A line of a dump, a `*`, or a line that is neither, with its number. */
type Line = Row | typeof REPEATED | { readonly unparsed: string; readonly line: number };

interface Failure {
  /** Number of lines that were read before the failure. */
  readonly row: number;
  readonly fault: Fault;
}

/** Whether a text with this first line may be a dump. Throws `HEX_WORDS` for the default output of hexdump and od. */
function mayBeginDump(row: Row): boolean {
  const group = row.groups[0]?.digits;
  if (group === undefined) return false;
  // hexdump and od without options print offsets of seven digits, and words instead of bytes.
  if (!row.colon && row.offset.length === 7 && group.length > 2) throw wordsFault(row);
  return row.colon || group.length === 2;
}

/** Whether the first line alone proves that it begins with an offset. */
function hasClearOffset(row: Row): boolean {
  return row.colon || row.wideGap || /^0+$/.test(row.offset);
}

/** Returns `bytes`. Throws `HEX_AMBIGUOUS` when the text has another valid reading. */
function rejectAmbiguous(bytes: Buffer, beginning: Row, rows: readonly Line[], style: Style, base: Base): Buffer {
  const { line, offset, column } = beginning;
  const place = { line, column: column - offset.length - 1 };
  if (!hasClearOffset(beginning) && style === 'bare' && rows.length === 1) {
    const hint = 'put a colon behind an offset, or write all bytes in pairs of digits';
    throw textFault('HEX_AMBIGUOUS', `${quoteText(offset)} may be an offset or bytes`, place, hint);
  }
  // hexdump -C prints hexadecimal offsets only. od and xxd have other bases, and "*" stands for another length in each.
  if (rows.includes(REPEATED) && (beginning.colon || offset.length === 7)) {
    for (const other of basesOf(beginning)) {
      const otherwise = other === base ? undefined : read(rows, style, other);
      if (Buffer.isBuffer(otherwise) && !otherwise.equals(bytes)) {
        const message = `the offsets may be of base ${base} or ${other}, and "*" leaves out lines accordingly`;
        throw textFault('HEX_AMBIGUOUS', message, place, 'print all lines (-v), or offsets in hexadecimal');
      }
    }
  }
  return bytes;
}

type Base = 8 | 10 | 16;

/** The possible bases of an offset, the most likely one first. od prints octal offsets of at least seven digits. */
function basesOf({ offset }: Row): readonly [Base, Base, Base] {
  return offset.length === 7 ? [8, 10, 16] : [16, 10, 8];
}

function rowsOf(lines: readonly string[]): Line[] {
  const rows: Line[] = [];
  let afterBlank = true;
  for (const [i, text] of lines.entries()) {
    const blank = text.trim() === '';
    if (!blank) {
      const unparsed = { unparsed: text, line: i + 1 };
      rows.push(text.trim() === REPEATED ? REPEATED : (rowOf(text, i + 1, afterBlank) ?? unparsed));
    }
    afterBlank = blank;
  }
  return rows;
}

/** The bytes of all lines, or the first failure under this style and base. */
function read(rows: readonly Line[], style: Style, base: Base): Buffer | Failure {
  const parts: Buffer[] = [];
  let total = 0;
  let expected: number | undefined;
  let last: Buffer | undefined;
  let width = Number.POSITIVE_INFINITY;
  let repeated = false;
  const words = new Set<ReturnType<typeof mayBeWords>>();
  for (const [i, row] of rows.entries()) {
    const fail = (fault: Fault): Failure => ({ row: i, fault });
    if (row === REPEATED) {
      repeated = true;
      continue;
    }
    if ('unparsed' in row) return fail(unparsedFault(row));
    const offset = offsetOf(row, base);
    if (offset === undefined) return fail(offsetFault(row, expected, base));
    const restarts = expected !== undefined && offset === 0 && row.afterBlank && !repeated;
    if (restarts) expected = undefined;
    if (repeated) {
      if (offset - (expected ?? 0) > MAX_HEX_BYTES - total) throw hugeFault(row);
      const filled = repeatLine(last, expected, offset);
      if (filled === undefined) return fail(repeatFault(row));
      parts.push(...filled);
      total += offset - (expected ?? 0);
    } else if (expected !== undefined && offset !== expected) {
      return fail(offsetFault(row, expected, base));
    }
    repeated = false;
    expected = offset;
    if (row.rest.trim() === '') continue;
    const possible = readings(row, style);
    const next = rows[i + 1];
    const wanted = lengthBefore(next, offset, base);
    const bytes =
      possible.find(({ length }) => length === wanted) ??
      possible.find(({ length }) => style === 'bare' || length <= width);
    if (bytes === undefined) return fail(digitFault(row));
    if (style === 'unchecked' && showsSwapped(row, bytes)) return fail(wordsFault(row));
    if (row.colon && style !== 'bare') words.add(mayBeWords(row, bytes));
    parts.push(bytes);
    total += bytes.length;
    expected = offset + bytes.length;
    last = bytes;
    width = style === 'unchecked' ? Math.min(width, Math.max(bytes.length, wanted ?? 0)) : bytes.length;
  }
  if (repeated) return { row: rows.length, fault: repeatFault(undefined) };
  const [beginning] = rows;
  if (words.has('yes') && !words.has('no') && beginning !== undefined && isRow(beginning))
    return { row: 0, fault: wordsFault(beginning) };
  return Buffer.concat(parts);
}

function isRow(line: Line): line is Row {
  return line !== REPEATED && !('unparsed' in line);
}

/** The number of bytes in a row at `offset` if `next` is the line after it; undefined when `next` does not show it. */
function lengthBefore(next: Line | undefined, offset: number, base: Base): number | undefined {
  if (next === undefined || next === REPEATED || 'unparsed' in next) return undefined;
  const end = offsetOf(next, base);
  return end === undefined || end <= offset ? undefined : end - offset;
}

function offsetOf({ offset }: Row, base: Base): number | undefined {
  if (base !== 16 && !(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(offset)) return undefined;
  const value = Number.parseInt(offset, base);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Copies of the line before, from `from` up to `offset`; undefined unless they fill the space exactly. */
function repeatLine(last: Buffer | undefined, from: number | undefined, offset: number): Buffer[] | undefined {
  if (last === undefined || from === undefined) return undefined;
  const missing = offset - from;
  if (missing <= 0 || missing % last.length !== 0) return undefined;
  return [Buffer.alloc(missing, last)];
}

function offsetFault(row: Row, expected: number | undefined, base: Base): Fault {
  const should = expected?.toString(base).padStart(row.offset.length, '0');
  const message =
    should === undefined
      ? `the offset ${row.offset} cannot be`
      : `the offset ${row.offset} comes where ${should} should be`;
  return textFault('HEX_OFFSET', message, { line: row.line, column: 1 }, 'a line is missing, twice there or cut short');
}

function hugeFault({ line }: Row): Fault {
  const message = `the lines that "*" stands for are more than ${MAX_HEX_BYTES} bytes`;
  return textFault('HEX_TOO_LONG', message, { line, column: 1 }, 'pass a capture file instead');
}

function repeatFault(row: Row | undefined): Fault {
  const message =
    row === undefined
      ? 'nothing says how many lines the last "*" stands for'
      : `the lines that "*" stands for do not end at ${row.offset}`;
  return textFault('HEX_OFFSET', message, { line: row?.line ?? 1, column: 1 });
}

function unparsedFault({ unparsed, line }: { readonly unparsed: string; readonly line: number }): Fault {
  const column = unparsed.search(/\S/) + 1;
  return textFault('HEX_OFFSET', `${quoteText(unparsed.trim())} is no offset of a dump`, { line, column });
}

function digitFault(row: Row): Fault {
  const groupsEnd = row.groups.at(-1)?.end ?? 0;
  const odd = row.groups.find(({ digits }) => digits.length % 2 !== 0);
  const at = odd ? odd.end - odd.digits.length : groupsEnd + Math.max(0, row.rest.slice(groupsEnd).search(/\S/));
  const rest = row.rest.slice(at);
  if (rest === '') {
    const message = 'this line lacks the characters that stand beside the bytes in other lines';
    return textFault('HEX_DIGIT', message, { line: row.line, column: row.column + at });
  }
  const seen = quoteText(rest);
  return textFault('HEX_DIGIT', `${seen} is not a byte in hexadecimal`, { line: row.line, column: row.column + at });
}

function wordsFault({ line, column }: Row): Fault {
  const message = 'these are words of more than one byte, in the order of the machine that printed them';
  return textFault(
    'HEX_WORDS',
    message,
    { line, column },
    'print bytes: xxd FILE, hexdump -C FILE, od -A x -t x1z FILE',
  );
}
