/** A dissected PDU for a terminal: one line per field with offset and length, values in words beside them. */
import type { Span } from '../protocol/index.js';
import { plain, type Theme } from './theme.js';

export interface TreeOptions {
  readonly theme?: Theme;
  /** Columns of the terminal. */
  readonly width?: number;
  /** The PDU itself: adds a pane with the bytes of each field. */
  readonly bytes?: Buffer | undefined;
}

const INDENT = '  ';
/** Bytes of a blob that are worth a look; the rest is counted. */
const BLOB_PREVIEW = 16;
/** Bytes of a field in the pane beside it. */
const PANE_BYTES = 8;

/** Lines without a line feed at their end. */
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
  const pane = bytes === undefined ? '' : `${paneText(span, bytes)}${INDENT}`;
  const place = `${INDENT}${String(span.offset).padStart(5)} ${String(span.length).padStart(5)}${INDENT}${pane}`;
  const name = `${INDENT.repeat(depth)}${span.name}`.padEnd(nameWidth);
  const column = place.length + nameWidth + INDENT.length;
  const [first = '', ...rest] = wrap(valueText(span), Math.max(20, width - column));
  const paint = span.error ? theme.error : theme.value;
  return [
    `${theme.place(place)}${theme.name(name)}${INDENT}${paint(first)}`.trimEnd(),
    ...rest.map((line) => `${' '.repeat(column)}${paint(line)}`),
  ];
}

/** The first bytes of a leaf, as wide for every row; a group has none of its own. */
function paneText({ offset, length, children }: Span, bytes: Buffer): string {
  const shown = children ? Buffer.alloc(0) : bytes.subarray(offset, offset + Math.min(length, PANE_BYTES));
  const more = !children && length > PANE_BYTES ? '…' : '';
  return `${hexPairs(shown)}${more}`.padEnd(PANE_BYTES * 3);
}

function hexPairs(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '$& ').trim();
}

function valueText({ value, text, length }: Span): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return asciiJson(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const number = text === undefined ? String(value) : `0x${value.toString(16).padStart(length * 2, '0')}`;
    return text === undefined ? number : `${number} ${text}`;
  }
  const shown = hexPairs(value.subarray(0, BLOB_PREVIEW));
  return value.length > BLOB_PREVIEW ? `${shown} … ${value.length} bytes` : shown;
}

/** Text from outside: nothing that a terminal could act upon. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    [...char].map((unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  );
}

/** Breaks at spaces; a word longer than a line stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
