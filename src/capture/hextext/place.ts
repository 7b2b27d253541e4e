/** Positions in a text, and the faults that name them. */
import { Fault } from '../../fault.js';

/** A position in a text, with line and column from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Characters of the text that a message quotes. */
const MAX_QUOTE = 12;

/** Splits a text at CR, LF and CR LF, without its byte order mark. */
export function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
}

/** A `Fault` of kind `input` at a position in the text. */
export function textFault(code: string, message: string, place: TextPlace, hint?: string): Fault {
  return new Fault({
    kind: 'input',
    code,
    message,
    place: `line ${place.line}, column ${place.column}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The first MAX_QUOTE characters of a text in double quotes; control characters are replaced by `?`. */
export function quoteText(text: string): string {
  const printable = text.slice(0, 2 * MAX_QUOTE).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return JSON.stringify(printable.length > MAX_QUOTE ? `${printable.slice(0, MAX_QUOTE)}…` : printable);
}
