/** Prints a dissected PDU: one line per field with its offset, length, name and value. */
import type { Span } from '../protocol/index.js';
import { asciiJson, wrap } from './safe-text.js';
import { plain, type Theme } from './theme.js';

export interface TreeOptions {
  readonly theme?: Theme;
  /** Columns available. */
  readonly width?: number;
  /** The bytes of the PDU: adds a column with the bytes of each field. */
  readonly bytes?: Buffer | undefined;
}

const INDENT = '  ';
/** Bytes shown of a blob: the usual maximum, and the minimum on a narrow terminal. The total length follows. */
const BLOB_PREVIEW = { most: 16, least: 4 };
/** Minimum columns of a value, even on a narrow terminal. */
const MIN_VALUE_WIDTH = 20;
/** Bytes in the column of bytes, on a terminal with at least `columns` columns and on a narrower one. */
const PANE_BYTES = { wide: 8, narrow: 4, columns: 96 };

/** Returns lines without line feeds. */
export function treeLines(root: Span, { theme = plain, width = 80, bytes }: TreeOptions = {}): string[] {
  const rows = [...flatten(root.children ?? [], 0)];
  const nameWidth = Math.max(0, ...rows.map(({ depth, span }) => depth * INDENT.length + span.name.length));
  const lines = rows.flatMap((row) => rowLines(row, nameWidth, theme, width, bytes));
  if (root.error) lines.push(`${INDENT}${theme.error(`error: ${root.error.message} (${root.error.code})`)}`);
  return lines;
}

interface Row {
  readonly depth: number;
  readonly span: Span;
}

function* flatten(spans: readonly Span[], depth: number): Generator<Row> {
  for (const span of spans) {
    yield { depth, span };
    yield* flatten(span.children ?? [], depth + 1);
  }
}

function rowLines({ depth, span }: Row, nameWidth: number, theme: Theme, width: number, bytes?: Buffer): string[] {
  const paneBytes = width < PANE_BYTES.columns ? PANE_BYTES.narrow : PANE_BYTES.wide;
  const pane = bytes === undefined ? '' : `${paneText(span, bytes, paneBytes)}${INDENT}`;
  const place = `${INDENT}${String(span.offset).padStart(5)} ${String(span.length).padStart(5)}${INDENT}${pane}`;
  const label = `${INDENT.repeat(depth)}${span.name}`;
  const column = place.length + nameWidth + INDENT.length;
  const room = Math.max(MIN_VALUE_WIDTH, width - column);
  const [first = '', ...rest] = wrap(valueText(span, room), room);
  const paint = span.error ? theme.error : theme.value;
  // No padding and no colour after the last word, so that lines have no trailing spaces.
  const text = first === '' ? theme.name(label) : `${theme.name(label.padEnd(nameWidth))}${INDENT}${paint(first)}`;
  return [`${theme.place(place)}${text}`, ...rest.map((line) => `${' '.repeat(column)}${paint(line)}`)];
}

/** The first bytes of a leaf, padded to the width of the column. A group has no bytes of its own. */
function paneText(span: Span, bytes: Buffer, most: number): string {
  const { offset, length } = span;
  const isShown = !isHidden(span) && !span.children;
  const shown = isShown ? bytes.subarray(offset, offset + Math.min(length, most)) : Buffer.alloc(0);
  const more = isShown && length > most ? '…' : '';
  return `${hexPairs(shown)}${more}`.padEnd(most * 3);
}

function hexPairs(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '$& ').trim();
}

/** Whether the value of a field was redacted. */
function isHidden({ value, children, length }: Span): boolean {
  return value === undefined && children === undefined && length > 0;
}

function valueText(span: Span, room: number): string {
  const { value, text, length } = span;
  if (isHidden(span)) return [`${length} bytes`, text].filter(Boolean).join(', ');
  if (value === undefined) return '';
  if (typeof value === 'string') return asciiJson(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const number = text === undefined ? String(value) : `0x${value.toString(16).padStart(length * 2, '0')}`;
    return text === undefined ? number : `${number} ${text}`;
  }
  const { most, least } = BLOB_PREVIEW;
  if (length <= most) return hexPairs(value);
  const rest = `… ${length} bytes`;
  const pairs = Math.floor((room - rest.length) / 3);
  return `${hexPairs(value.subarray(0, Math.min(most, Math.max(least, pairs))))} ${rest}`;
}
