/** Parses one line of a dump: an offset, bytes, and perhaps a column with the same bytes as characters. */

export interface Row {
  /** Line number, from 1. */
  readonly line: number;
  /** The digits of the offset, as spelled. */
  readonly offset: string;
  /** A colon follows the offset. */
  readonly colon: boolean;
  /** The gap after the offset is so wide that the digits before it can only be an offset. */
  readonly wideGap: boolean;
  /** The text after the offset. */
  readonly rest: string;
  /** The column where `rest` begins, from 1. */
  readonly column: number;
  /** An empty line precedes this line. */
  readonly afterBlank: boolean;
  /** The groups of digits at the beginning of `rest`, in order. */
  readonly groups: readonly Group[];
}

interface Group {
  readonly digits: string;
  /** The index in `rest` after the group. */
  readonly end: number;
}

/** Characters of the longest line of a dump: xxd prints at most 256 bytes per line. */
const MAX_LINE = 1200;

/** Parses a line; undefined when it does not begin with an offset. */
export function rowOf(text: string, line: number, afterBlank: boolean): Row | undefined {
  if (text.length > MAX_LINE) return undefined;
  const found = /^\s*(?:0x)?([0-9a-f]{4,16})(?:(:)(\s*)|(\s+)|$)/i.exec(text);
  if (!found) return undefined;
  const [head, offset = '', mark, afterMark, space = ''] = found;
  // A colon may also separate bytes. It ends an offset when white space or nothing follows it, or when the digits are
  // all zero. A line after a blank one, which may start a dump, has to meet this condition.
  const colon = mark !== undefined && (afterMark !== '' || head.length === text.length || /^0+$/.test(offset));
  if (mark !== undefined && !colon && afterBlank) return undefined;
  const rest = text.slice(head.length);
  const row = { line, offset, colon, wideGap: isWide(space), rest, column: head.length + 1, afterBlank };
  return { ...row, groups: groupsOf(rest) };
}

function groupsOf(rest: string): Group[] {
  return [...(/^(?:[0-9a-f]+(?:\s+|$))*/i.exec(rest)?.[0] ?? '').matchAll(/\S+/g)].map(({ 0: digits, index }) => ({
    digits,
    end: index + digits.length,
  }));
}

/** How the bytes of a line are separated from its character column. */
export type Style =
  /** Two spaces, then the bytes as characters. Most programs print this. */
  | 'column'
  /** There is no character column. */
  | 'bare'
  /** Like `column`, with every gap reduced to one space. */
  | 'tight'
  /** Two spaces, then characters that do not match the bytes: the dump was edited, or uses another character set. */
  | 'unchecked';

export const STYLES: readonly Style[] = ['column', 'bare', 'tight', 'unchecked'];

/** All prefixes of a row's digits that may be its bytes under this style, longest first. */
export function readings(row: Row, style: Style): Buffer[] {
  const found: Buffer[] = [];
  const all = Buffer.from(evenDigits(row), 'hex');
  let length = 0;
  for (const { digits, end } of row.groups) {
    if (digits.length % 2 !== 0) break;
    length += digits.length / 2;
    const after = row.rest.slice(end);
    if (fits(style, all.subarray(0, length), after)) found.unshift(all.subarray(0, length));
  }
  return found;
}

function evenDigits({ groups }: Row): string {
  const odd = groups.findIndex(({ digits }) => digits.length % 2 !== 0);
  return (odd < 0 ? groups : groups.slice(0, odd)).map(({ digits }) => digits).join('');
}

/** Whether `bytes` are the bytes of a line under this style, when the text `after` follows them. */
function fits(style: Style, bytes: Buffer, after: string): boolean {
  if (style === 'bare') return after.trim() === '';
  // With at most half as many characters as bytes the digits are not bytes, but bits perhaps.
  if (style === 'unchecked') return after.trim() === '' || (isWide(after) && after.trim().length * 2 > bytes.length);
  return (style === 'tight' || isWide(after)) && shows(after, bytes);
}

function isWide(space: string): boolean {
  return /^(?:\s{2}|\t)/.test(space);
}

/** Whether `column` shows exactly these bytes as characters, with or without delimiters (`|…|`, `>…<`). */
export function shows(column: string, bytes: Buffer): boolean {
  const text = column.trim();
  if (text.length === bytes.length + 2 && /^(?:\|.*\||>.*<)$/.test(text)) return sameText(text.slice(1, -1), bytes);
  // Spaces at both ends may be bytes or layout, so only the characters between them are compared.
  let start = 0;
  let end = bytes.length;
  while (start < end && bytes[start] === SPACE) start += 1;
  while (end > start && bytes[end - 1] === SPACE) end -= 1;
  const shown = bytes.subarray(start, end);
  return sameText(text, shown) || sameText(text, shown, 8 - start);
}

const SPACE = 0x20;

/**
 * Compares characters with bytes. With `middle` the text has one more space at that index, in the middle of the line.
 */
function sameText(text: string, bytes: Buffer, middle?: number): boolean {
  const spaced = middle !== undefined && middle > 0 && middle < bytes.length;
  if (text.length !== bytes.length + (spaced ? 1 : 0)) return false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    const code = text.charCodeAt(spaced && i >= middle ? i + 1 : i);
    // Programs print different substitutes for other bytes.
    if (byte >= SPACE && byte < 0x7f && code !== byte) return false;
  }
  return !spaced || text[middle] === ' ';
}

/** Whether the characters match the bytes in swapped groups, which are then little-endian words. */
export function showsSwapped(row: Row, bytes: Buffer): boolean {
  const swapped = swapGroups(row, bytes.length);
  return swapped !== undefined && swapped.last.length > 2 && shows(swapped.after, swapped.bytes);
}

/**
 * Whether a row may consist of little-endian words as xxd -e prints them: groups of at least four bytes whose
 * characters match in either byte order. `same`: the bytes are equal in both orders.
 */
export function mayBeWords(row: Row, bytes: Buffer): 'no' | 'same' | 'yes' {
  const swapped = swapGroups(row, bytes.length);
  if (swapped === undefined || (row.groups[0]?.digits.length ?? 0) < WORD_DIGITS) return 'no';
  if (swapped.bytes.equals(bytes)) return 'same';
  return shows(swapped.after, swapped.bytes) ? 'yes' : 'no';
}

/**
 * Digits of the smallest group that may be a word. xxd without options prints groups of four digits, which are bytes.
 */
const WORD_DIGITS = 8;

/** The first `wanted` bytes of a row with each group reversed; undefined when no group ends there. */
function swapGroups(
  row: Row,
  wanted: number,
): { readonly bytes: Buffer; readonly after: string; readonly last: string } | undefined {
  let length = 0;
  const swapped: Buffer[] = [];
  for (const { digits, end } of row.groups) {
    swapped.push(Buffer.from(digits, 'hex').reverse());
    length += digits.length / 2;
    if (length === wanted) return { bytes: Buffer.concat(swapped), after: row.rest.slice(end), last: digits };
  }
  return undefined;
}
