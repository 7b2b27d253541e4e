/** Where in a text something is wrong, and how to say it. */
import { Fault } from '../../fault.js';

/** From 1, as editors count. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Characters of the text that a message repeats. */
const MAX_QUOTE = 12;

/** The lines of a text, whatever ends them, without a byte order mark. */
export function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
}

export function textFault(code: string, message: string, place: TextPlace, hint?: string): Fault {
  return new Fault({
    kind: 'input',
    code,
    message,
    place: `line ${place.line}, column ${place.column}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A few characters of the text, in double quotes, fit for a terminal. */
export function quoteText(text: string): string {
  const printable = text.slice(0, 2 * MAX_QUOTE).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return JSON.stringify(printable.length > MAX_QUOTE ? `${printable.slice(0, MAX_QUOTE)}…` : printable);
}
