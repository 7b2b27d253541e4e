/** One line of a dump: an offset, bytes, and perhaps the same bytes as characters. */

export interface Row {
  /** From 1. */
  readonly line: number;
  /** Digits of the offset as they stand there. */
  readonly offset: string;
  readonly colon: boolean;
  /** Wide enough a gap behind the offset that it is nothing but an offset. */
  readonly apart: boolean;
  /** What follows the offset, and the column where it begins. */
  readonly rest: string;
  readonly column: number;
  /** An empty line stands before it. */
  readonly afterBlank: boolean;
  /** Groups of digits at the beginning of `rest`, each behind the other. */
  readonly groups: readonly Group[];
}

interface Group {
  readonly digits: string;
  /** Index in `rest` behind it. */
  readonly end: number;
}

/** Characters of a line; xxd puts at most 256 bytes into one. Longer lines are no lines of a dump. */
const MAX_LINE = 1200;

/** The parts of a line, or undefined when it does not begin with an offset. */
export function rowOf(text: string, line: number, afterBlank: boolean): Row | undefined {
  if (text.length > MAX_LINE) return undefined;
  const found = /^\s*(?:0x)?([0-9a-f]{4,16})(?:(:)(\s*)|(\s+)|$)/i.exec(text);
  if (!found) return undefined;
  const [head, offset = '', mark, behindMark, space = ''] = found;
  // Colons also stand between bytes; one behind zeros, or before a space, does not. The first line must be clear about it.
  const colon = mark !== undefined && (behindMark !== '' || head.length === text.length || /^0+$/.test(offset));
  if (mark !== undefined && !colon && afterBlank) return undefined;
  const rest = text.slice(head.length);
  const row = { line, offset, colon, apart: isWide(space), rest, column: head.length + 1, afterBlank };
  return { ...row, groups: groupsOf(rest) };
}

function groupsOf(rest: string): Group[] {
  return [...(/^(?:[0-9a-f]+(?:\s+|$))*/i.exec(rest)?.[0] ?? '').matchAll(/\S+/g)].map(({ 0: digits, index }) => ({
    digits,
    end: index + digits.length,
  }));
}

/** How a line may be read: what tells its bytes from the characters behind them. */
export type Style =
  /** Two spaces and the bytes as characters: what most programs print. */
  | 'column'
  /** Nothing but bytes. */
  | 'bare'
  /** Like `column`, after something has made every gap one space wide. */
  | 'tight'
  /** Two spaces and characters that are not those of the bytes: edited by hand, or in another character set. */
  | 'unchecked';

export const STYLES: readonly Style[] = ['column', 'bare', 'tight', 'unchecked'];

/** The beginnings of a row that may be its bytes, longest first. */
export function readings(row: Row, style: Style): Buffer[] {
  const found: Buffer[] = [];
  const all = Buffer.from(evenDigits(row), 'hex');
  let length = 0;
  for (const { digits, end } of row.groups) {
    if (digits.length % 2 !== 0) break;
    length += digits.length / 2;
    const behind = row.rest.slice(end);
    if (fits(style, all.subarray(0, length), behind)) found.unshift(all.subarray(0, length));
  }
  return found;
}

function evenDigits({ groups }: Row): string {
  const odd = groups.findIndex(({ digits }) => digits.length % 2 !== 0);
  return (odd < 0 ? groups : groups.slice(0, odd)).map(({ digits }) => digits).join('');
}

function fits(style: Style, bytes: Buffer, behind: string): boolean {
  if (style === 'bare') return behind.trim() === '';
  // Far fewer characters than bytes: the digits are not bytes, but bits perhaps.
  if (style === 'unchecked') return behind.trim() === '' || (isWide(behind) && behind.trim().length * 2 > bytes.length);
  return (style === 'tight' || isWide(behind)) && shows(behind, bytes);
}

function isWide(space: string): boolean {
  return /^(?:\s{2}|\t)/.test(space);
}

/** Whether `column` shows just these bytes as characters, between marks or not. */
export function shows(column: string, bytes: Buffer): boolean {
  const text = column.trim();
  if (text.length === bytes.length + 2 && /^(?:\|.*\||>.*<)$/.test(text)) return same(text.slice(1, -1), bytes);
  // Spaces at both ends are bytes or the layout: what is between them must agree.
  let start = 0;
  let end = bytes.length;
  while (start < end && bytes[start] === SPACE) start += 1;
  while (end > start && bytes[end - 1] === SPACE) end -= 1;
  const shown = bytes.subarray(start, end);
  return same(text, shown) || same(text, shown, 8 - start);
}

const SPACE = 0x20;

/** With `middle` there is one more space in the middle of the line. */
function same(text: string, bytes: Buffer, middle?: number): boolean {
  const spaced = middle !== undefined && middle > 0 && middle < bytes.length;
  if (text.length !== bytes.length + (spaced ? 1 : 0)) return false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    const code = text.charCodeAt(spaced && i >= middle ? i + 1 : i);
    // What is shown for the others differs between programs.
    if (byte >= SPACE && byte < 0x7f && code !== byte) return false;
  }
  return !spaced || text[middle] === ' ';
}

/** Whether the characters are those of the bytes when each group is turned around: words of a little-endian machine. */
export function showsTurned(row: Row, bytes: Buffer): boolean {
  const turned = turnedAround(row, bytes.length);
  return turned !== undefined && turned.last.length > 2 && shows(turned.behind, turned.bytes);
}

/**
 * Whether nothing tells a row of such groups from words: as xxd -e prints them, four bytes at least, with characters that fit
 * both ways. `same`: they read the same both ways.
 */
export function mayBeWords(row: Row, bytes: Buffer): 'no' | 'same' | 'yes' {
  const turned = turnedAround(row, bytes.length);
  if (turned === undefined || (row.groups[0]?.digits.length ?? 0) < WORD_DIGITS) return 'no';
  if (turned.bytes.equals(bytes)) return 'same';
  return shows(turned.behind, turned.bytes) ? 'yes' : 'no';
}

/** xxd without options makes groups of four digits. */
const WORD_DIGITS = 8;

function turnedAround(
  row: Row,
  wanted: number,
): { readonly bytes: Buffer; readonly behind: string; readonly last: string } | undefined {
  let length = 0;
  const turned: Buffer[] = [];
  for (const { digits, end } of row.groups) {
    turned.push(Buffer.from(digits, 'hex').reverse());
    length += digits.length / 2;
    if (length === wanted) return { bytes: Buffer.concat(turned), behind: row.rest.slice(end), last: digits };
  }
  return undefined;
}
